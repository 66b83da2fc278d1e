package dev.sluice.bench.predictor;

import dev.sluice.bench.compare.Progress;
import dev.sluice.bundler.predictor.PrincipalDirections;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.CertifiedPredictor;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.predictor.CertifiedLayer;
import dev.sluice.storage.predictor.CertifiedLayer.Bound;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.tensor.TensorDecoder;
import dev.sluice.storage.trace.TraceKeys;
import dev.sluice.storage.trace.TraceReader;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;

/** Measures what {@link CertifiedLayer}s of several kinds prove about one store, on text that their directions do not come from. */
public final class CertifiedTrial {
  private static final int WINDOW_TOKENS = 256;
  private static final int TIMED_POSITIONS = 32;
  private static final int TIMED_ROUNDS = 12;

  /**
   * What to try.
   *
   * @param bits of copies
   * @param directions numbers of them, multiples of four
   * @param deltas of the bound by dither; the norm bound is always there
   * @param rareDeltas where violations are counted
   * @param dithers over which they are, for each layer
   * @param positions at which they are, for each layer
   */
  public record Plan(
      List<Integer> bits, List<Integer> directions, List<Double> deltas, List<Double> rareDeltas,
      int dithers, int positions, long seed) {
    public Plan {
      bits = List.copyOf(bits);
      directions = List.copyOf(directions);
      deltas = List.copyOf(deltas);
      rareDeltas = List.copyOf(rareDeltas);
    }
  }

  private final Store store;
  private final ModelSpec spec;
  private final TraceReader trace;
  private final Workers workers;
  private final Plan plan;
  private final List<Tally> tallies = new ArrayList<>();
  private final List<ViolationCount> violations = new ArrayList<>();
  private final LongAdder inactive = new LongAdder();
  private final LongAdder decided = new LongAdder();

  /**
   * @param trace of the store: its inputs give the directions
   * @throws BadInputException unless the model has zeros to prove, in bundles
   */
  public CertifiedTrial(Store store, TraceReader trace, Workers workers, Plan plan) {
    this.store = store;
    this.spec = store.spec();
    this.trace = trace;
    this.workers = workers;
    this.plan = plan;
    if (spec.activation() != Activation.RELU && spec.activation() != Activation.RELU2) {
      throw new BadInputException(store.folder(), "its activation has no zeros to prove",
          "name a ReLU or ReLU² model");
    }
    if (spec.hasResidentGate()) {
      throw new BadInputException(store.folder(), "its gate is resident already",
          "name the store that it was made from");
    }
    for (int bits : plan.bits) {
      for (int directions : plan.directions) {
        tallies.add(new Tally(bits, directions, 0));
        plan.deltas.forEach(delta -> tallies.add(new Tally(bits, directions, delta)));
      }
      plan.rareDeltas.forEach(delta -> violations.add(new ViolationCount(bits, delta)));
    }
  }

  /** One row in the making. */
  private static final class Tally {
    final int bits;
    final int directions;
    final double delta;
    final LongAdder proven = new LongAdder();
    final LongAdder wrong = new LongAdder();
    long bytes;
    double micros;
    ActivePredictor predictor;

    Tally(int bits, int directions, double delta) {
      this.bits = bits;
      this.directions = directions;
      this.delta = delta;
    }
  }

  /** The result over held-out {@code tokens}. */
  public CertifiedResult measure(int[] tokens, Progress progress) {
    Activity exact = Activity.exact(spec.layers());
    try (Engine engine = new Engine(store, workers, Backend.AUTO, exact, PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      Sweep sweep = engine.sweep(layers, WINDOW_TOKENS);
      List<Sequence> windows = new ArrayList<>();
      for (int from = 0; from < tokens.length; from += WINDOW_TOKENS) {
        windows.add(sweep.window(
            Arrays.copyOfRange(tokens, from, Math.min(tokens.length, from + WINDOW_TOKENS))));
      }
      sweep.run(windows, exact, engine.blockPredictor(), new Watch(engine.model(), progress));
    }
    long all = decided.sum();
    long active = all - inactive.sum();
    return new CertifiedResult(store.folder().getFileName().toString(), tokens.length,
        (double) inactive.sum() / all, plan.seed,
        tallies.stream()
            .map(each -> new CertifiedResult.Row(each.bits, each.directions,
                each.delta == 0 ? "norm" : "dither", each.delta,
                (double) each.proven.sum() / inactive.sum(),
                (double) each.wrong.sum() / active,
                (double) each.bytes / spec.ffnBytes(),
                each.micros / spec.layers()))
            .toList(),
        violations.stream().map(count -> count.result(plan.dithers)).toList());
  }

  /** Packs each layer anew and asks all predictors about every block of it. */
  private final class Watch implements LayerObserver {
    private final Model model;
    private final Progress progress;
    private Arena arena;

    Watch(Model model, Progress progress) {
      this.model = model;
      this.progress = progress;
    }

    @Override
    public boolean wantsColumnNorms() {
      return false;
    }

    @Override
    public void layerStarts(LayerWeights weights, float[] columnNorms) {
      int layer = weights.layer();
      progress.report("certifying", layer, spec.layers());
      arena = Arena.ofShared();
      int hidden = spec.hidden();
      float[] rows = new float[spec.feedForward() * hidden];
      for (int i = 0; i < spec.feedForward(); i++) {
        TensorDecoder.decode(spec.bundle().inner(spec.form()), weights.memory(),
            weights.innerOffsetBytes(i), rows, i * hidden, hidden);
      }
      float[] inputs = Floats.fromBytes(trace.blob(TraceKeys.inputs(layer)).orElseThrow());
      int most = plan.directions.stream().max(Integer::compare).orElse(0);
      float[] directions = PrincipalDirections.of(inputs, hidden, most, plan.seed);
      float[] bias = model.ffnBias(layer, spec.form() == FfnForm.GATED ? "gate" : "up");
      for (Tally each : tallies) {
        prepare(each, layer, rows, Arrays.copyOf(directions, each.directions * hidden), bias);
        each.bytes += each.predictor.residentBytes();
        each.micros += micros(each.predictor, inputs);
      }
      for (int bits : plan.bits) {
        for (int dither = 0; dither < plan.dithers; dither++) {
          try (Arena own = Arena.ofShared()) {
            CertifiedLayer fresh = CertifiedLayer.pack(rows, spec.feedForward(), hidden, bits,
                layer, plan.seed + dither, directions, own);
            ViolationCount.count(violations, fresh, rows, bias, inputs, plan.positions);
          }
        }
      }
    }

    private void prepare(Tally tally, int layer, float[] rows, float[] directions, float[] bias) {
      CertifiedLayer packed = CertifiedLayer.pack(rows, spec.feedForward(), spec.hidden(),
          tally.bits, layer, plan.seed, directions, arena);
      CertifiedLayer kept = CertifiedLayer.decode(packed.encode(),
          tally.delta == 0 ? Bound.NORM : Bound.DITHER, arena);
      float[][] biases = {bias};
      tally.predictor = tally.delta == 0
          ? CertifiedPredictor.byNorms("", List.of(kept), biases, model.kernels(), workers)
          : CertifiedPredictor.byDither("", List.of(kept), biases, tally.delta, model.kernels(),
              workers);
    }

    @Override
    public void observe(Block block) {
      PredictorScratch scratch = new PredictorScratch();
      int size = spec.feedForward() * block.count();
      byte[] named = new byte[size];
      int zeros = 0;
      for (int i = 0; i < size; i++) {
        zeros += block.inner()[i] == 0 ? 1 : 0;
      }
      inactive.add(zeros);
      decided.add(size);
      for (Tally each : tallies) {
        each.predictor.predict(0, block.normed(), 0, block.count(), named, scratch);
        int proven = 0;
        int wrong = 0;
        for (int i = 0; i < size; i++) {
          boolean zero = block.inner()[i] == 0;
          proven += named[i] == 0 && zero ? 1 : 0;
          wrong += named[i] == 0 && !zero ? 1 : 0;
        }
        each.proven.add(proven);
        each.wrong.add(wrong);
      }
    }

    @Override
    public void layerEnds(int layer) {
      arena.close();
    }

    /** Blocks of two positions are never shared among threads. */
    private double micros(ActivePredictor predictor, float[] inputs) {
      PredictorScratch scratch = new PredictorScratch();
      int positions = Math.min(TIMED_POSITIONS, inputs.length / spec.hidden()) / 2 * 2;
      byte[] named = new byte[2 * spec.feedForward()];
      double best = Double.POSITIVE_INFINITY;
      for (int round = 0; round < 2 * TIMED_ROUNDS; round++) {
        long start = System.nanoTime();
        for (int t = 0; t < positions; t += 2) {
          predictor.predict(0, inputs, t * spec.hidden(), 2, named, scratch);
        }
        double micros = (System.nanoTime() - start) / 1e3 / positions;
        best = round < TIMED_ROUNDS ? best : Math.min(best, micros); // the first half warms up
      }
      return best;
    }
  }
}
