package dev.sluice.bench.papers;

import dev.sluice.bench.compare.Comparer;
import dev.sluice.bench.compare.StoreRuns;
import dev.sluice.engine.eval.WindowedQuality;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.threshold.ActiveRule;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Supplier;

/** All that experiments ask of one model, each measured once and kept in a file. One thread at a time. */
final class Measurements implements AutoCloseable {
  /** Targets whose sets are looked at closely, as the reference does. */
  static final List<Double> CLOSE_TARGETS = List.of(0.05, 0.1, 0.2);

  /** Of a run, each over another part of the text. */
  static final int ROUNDS = 2;
  private static final int WARM_TOKENS = 16;
  private static final double RAM_SHARE = 0.5;
  private static final double PINNED_SHARE = 0.9;

  private final PaperModel model;
  private final Effort effort;
  private final Kept kept;
  private Quality open;

  /** The dense run that divergences are taken from, with what it needs. */
  private record Quality(Engine engine, LayerStream layers, WindowedQuality windows) {
    void close() {
      layers.close();
      engine.close();
    }
  }

  Measurements(PaperModel model, Effort effort, Kept kept) {
    this.model = model;
    this.effort = effort;
    this.kept = kept;
  }

  PaperModel model() {
    return model;
  }

  Effort effort() {
    return effort;
  }

  /** The text behind all figures of quality and of sets. */
  int[] heldOut() {
    return model.tokens(effort.heldOutTokens());
  }

  /** Selections of a rule at the sweep's targets and at its 1 % target, by target. */
  List<Selection> sweep(ActiveRule rule) {
    List<Double> targets = new ArrayList<>(effort.cetts());
    CLOSE_TARGETS.stream().filter(target -> !targets.contains(target)).forEach(targets::add);
    OptionalDouble onePercent = model.onePercent(rule);
    if (onePercent.isPresent() && onePercent.getAsDouble() > 0
        && !targets.contains(onePercent.getAsDouble())) {
      targets.add(onePercent.getAsDouble());
    }
    return targets.stream().sorted().map(target -> new Selection(rule, target)).toList();
  }

  /** The sets that are looked at closely: exact where there are exact zeros, the output rule's, those at 1 %, and a reference's. */
  List<Selection> closeSets() {
    Set<Selection> sets = new LinkedHashSet<>();
    if (model.hasExactZeros()) {
      sets.add(Selection.EXACT);
    }
    CLOSE_TARGETS.forEach(target -> sets.add(new Selection(ActiveRule.OUTPUT, target)));
    for (ActiveRule rule : model.rules()) {
      OptionalDouble target = model.onePercent(rule);
      if (target.orElse(0) > 0) {
        sets.add(new Selection(rule, target.getAsDouble()));
      }
    }
    model.source().expected()
        .ifPresent(file -> sets.addAll(new ReferenceFigures(file).selections()));
    return List.copyOf(sets);
  }

  DenseRun denseRun() {
    List<Selection> close = closeSets();
    Set<Selection> all = new LinkedHashSet<>(close);
    model.rules().forEach(rule -> all.addAll(sweep(rule)));
    List<Selection> selections = List.copyOf(all);
    return keep("dense run", heldOut(), List.of(close.toString(), selections.toString()),
        DenseRun.class, () -> denseRun(selections, close.size()));
  }

  private DenseRun denseRun(List<Selection> selections, int close) {
    int[] tokens = heldOut();
    List<Activity> rules = selections.stream().map(model::activity).toList();
    DenseRunObserver observer = new DenseRunObserver(selections, rules, close,
        model.spec().feedForward(), tokens.length, model.workers().threads());
    try (Engine engine = model.engine(Selection.EXACT, PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      Sweep sweep = engine.sweep(layers, Effort.WINDOW_TOKENS);
      sweep.run(windows(sweep, tokens), engine.activity(), engine.blockPredictor(), observer);
    }
    return observer.result();
  }

  static List<Sequence> windows(Sweep sweep, int[] tokens) {
    List<Sequence> sequences = new ArrayList<>();
    for (int from = 0; from < tokens.length; from += Effort.WINDOW_TOKENS) {
      sequences.add(sweep.window(Arrays.copyOfRange(tokens, from, from + Effort.WINDOW_TOKENS)));
    }
    return sequences;
  }

  /** The run in which every neuron is computed. */
  QualityRun dense() {
    return keep("quality dense", heldOut(), List.of(), QualityRun.class,
        () -> QualityRun.of(quality().dense()));
  }

  /** A run under a selection, chosen by the rule itself. */
  QualityRun quality(Selection selection) {
    return keep("quality " + selection, heldOut(), List.of(), QualityRun.class,
        () -> QualityRun.of(quality().measure(model.activity(selection),
            open.engine.blockPredictor(), ProgressListener.SILENT)));
  }

  private WindowedQuality quality() {
    if (open == null) {
      Engine engine = model.engine(Selection.EXACT, PredictorChoice.ALL);
      try {
        LayerStream layers = engine.openLayers();
        try {
          open = new Quality(engine, layers,
              engine.windowedQuality(layers, heldOut(), Effort.WINDOW_TOKENS));
        } catch (RuntimeException | Error e) {
          layers.close();
          throw e;
        }
      } catch (RuntimeException | Error e) {
        engine.close();
        throw e;
      }
    }
    return open.windows;
  }

  /** Something else that one experiment alone measures. */
  <T> T keep(String what, int[] tokens, List<String> parts, Class<T> type,
      Supplier<T> measure) {
    List<String> all = new ArrayList<>(List.of(
        "store " + model.store().digest(), "tokens " + digest(tokens),
        "window " + Effort.WINDOW_TOKENS, "seed " + Effort.SEED));
    all.addAll(parts);
    return kept.get(new Kept.Key(model.name() + " " + what, all), type, measure);
  }

  private static String digest(int[] tokens) {
    ByteBuffer bytes = ByteBuffer.allocate(Integer.BYTES * tokens.length);
    bytes.asIntBuffer().put(tokens);
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.array()));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }

  /**
   * Runs of a store of this model on the held-out text, half of the FFN's bytes in RAM; the caller closes them.
   *
   * @param layouts where other layouts of the store are kept
   * @param decoded tokens of a run, after some that fill the cache
   */
  StoreRuns runs(Path layouts, Path store, int decoded) {
    Comparer.Options options = new Comparer.Options(layouts, model.text(), "held-out",
        model.backend(), Effort.WINDOW_TOKENS, heldOut().length, heldOut().length, decoded, ROUNDS,
        WARM_TOKENS, decoded, RAM_SHARE, List.of(), List.of(), PINNED_SHARE);
    return new StoreRuns(model.name(), store, options, model.workers());
  }

  /** Lets go of memory that only the next measurement of quality would need; it can be asked for again. */
  void rest() {
    if (open != null) {
      open.close();
      open = null;
    }
  }

  @Override
  public void close() {
    rest();
    model.close();
  }
}
