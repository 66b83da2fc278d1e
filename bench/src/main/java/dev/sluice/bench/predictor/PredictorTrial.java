package dev.sluice.bench.predictor;

import dev.sluice.engine.eval.LayerShares;
import dev.sluice.engine.eval.Perplexity;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.trace.TraceKeys;
import dev.sluice.storage.trace.TraceReader;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Measures predictors of one bundled store under one rule. */
public final class PredictorTrial {
  private static final int WINDOW_TOKENS = 256;
  private static final int TIMED_POSITIONS = 64;
  private static final int TIMED_ROUNDS = 25;

  private final Store store;
  private final Optional<TraceReader> trace;
  private final Workers workers;
  private final Activity activity;
  private final int[] tokens;

  /**
   * @param trace of the store that was bundled: its inputs are what predictors are timed on; without it they are not timed
   * @param tokens held-out text
   */
  public PredictorTrial(Store store, Optional<TraceReader> trace, Workers workers,
      Activity activity, int[] tokens) {
    this.store = store;
    this.trace = trace;
    this.workers = workers;
    this.activity = activity;
    this.tokens = tokens.clone();
  }

  /** Perplexity of the rule alone, with which predictors are compared. */
  public double oraclePerplexity() {
    return quality(PredictorChoice.ORACLE).perplexity();
  }

  /**
   * What one predictor does.
   *
   * @param oraclePerplexity see {@link #oraclePerplexity}
   */
  public PredictorRow measure(PredictorChoice choice, double oraclePerplexity) {
    Perplexity.Result result = quality(choice);
    List<LayerShares> layers = result.layers();
    return new PredictorRow(
        choice.toString(),
        LayerShares.magnitudeRecall(layers),
        layers.stream().mapToDouble(LayerShares::countRecall).average().orElse(0),
        LayerShares.meanActive(layers),
        LayerShares.meanPredicted(layers),
        residentShare(choice),
        trace.isPresent() ? microsPerLayer(choice, trace.get()) : Double.NaN,
        result.perplexity() / oraclePerplexity - 1);
  }

  private Perplexity.Result quality(PredictorChoice choice) {
    try (Engine engine = new Engine(store, workers, Backend.AUTO, activity, choice);
        LayerStream layers = engine.openLayers()) {
      return engine.perplexity(layers, WINDOW_TOKENS)
          .measure(tokens, WINDOW_TOKENS, activity, engine.blockPredictor(), (done, total) -> {});
    }
  }

  private double residentShare(PredictorChoice choice) {
    try (Engine engine = new Engine(store, workers, Backend.AUTO, activity, choice)) {
      return engine.predictorBytes() / (double) store.spec().ffnBytes();
    }
  }

  /** The fastest round, least disturbed by what else runs; all layers, recorded inputs. */
  private double microsPerLayer(PredictorChoice choice, TraceReader inputsOf) {
    ModelSpec spec = store.spec();
    float[][] inputs = new float[spec.layers()][];
    for (int layer = 0; layer < inputs.length; layer++) {
      float[] recorded = Floats.fromBytes(inputsOf.blob(TraceKeys.inputs(layer)).orElseThrow());
      inputs[layer] = Arrays.copyOf(recorded, TIMED_POSITIONS * spec.hidden());
    }
    try (Engine engine = new Engine(store, workers, Backend.AUTO, activity, choice)) {
      ActivePredictor predictor = engine.blockPredictor();
      PredictorScratch scratch = new PredictorScratch();
      byte[] named = new byte[spec.feedForward()];
      double[] micros = new double[TIMED_ROUNDS];
      for (int round = 0; round < 2 * TIMED_ROUNDS; round++) { // the first half warms up
        long start = System.nanoTime();
        for (int t = 0; t < TIMED_POSITIONS; t++) {
          for (int layer = 0; layer < spec.layers(); layer++) {
            predictor.predict(layer, inputs[layer], t * spec.hidden(), 1, named, scratch);
          }
        }
        micros[round % TIMED_ROUNDS] =
            (System.nanoTime() - start) / 1e3 / TIMED_POSITIONS / spec.layers();
      }
      Arrays.sort(micros);
      return micros[0];
    }
  }
}
