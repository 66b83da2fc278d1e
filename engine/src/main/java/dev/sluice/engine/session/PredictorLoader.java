package dev.sluice.engine.session;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.AllNeurons;
import dev.sluice.engine.predict.CascadePredictor;
import dev.sluice.engine.predict.CertifiedPredictor;
import dev.sluice.engine.predict.ExpertPredictor;
import dev.sluice.engine.predict.LowRankPredictor;
import dev.sluice.engine.predict.QuantisedPredictor;
import dev.sluice.engine.predict.TopPredictor;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.predictor.CascadeLayer;
import dev.sluice.storage.predictor.CertifiedLayer;
import dev.sluice.storage.predictor.CertifiedLayer.Bound;
import dev.sluice.storage.predictor.ExpertLayer;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.predictor.QuantisedCopy;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;

/** Makes predictors of what a store keeps for them. Matrices live in {@code arena}, in huge pages if they are large. */
record PredictorLoader(
    Store store, Model model, Activity activity, float[][] columnNorms, Workers workers,
    Arena arena) {
  /**
   * The predictor for blocks of positions; an oracle's and the gate's is {@code all}, and that of methods that a prompt decides.
   *
   * @throws BadInputException if the store lacks it, or holds one that does not fit
   */
  ActivePredictor load(PredictorChoice choice) {
    try {
      return switch (choice.kind()) {
        case ALL, ORACLE, GATE, TDA, TDA_UNION, TDA_MEAN, GRIFFIN ->
            new AllNeurons(store.spec().feedForward());
        case QUANTISED, DIP_CA -> quantised(choice);
        case LOW_RANK, TRAINED, TRAINED_RELU -> lowRank(choice);
        case TRAINED_TOP -> new TopPredictor(choice.toString(), layers(choice), activity.rule(),
            activity.cett(), model.kernels(), workers);
        case CASCADE -> cascade(choice);
        case CERTIFIED -> certified(choice);
        case MOEFICATION -> experts(choice);
      };
    } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
      throw new BadInputException(
          store.folder(), "predictor " + choice + " cannot be used: " + e.getMessage(),
          "bundle the store again", e);
    }
  }

  private SegmentAllocator memory(PredictorChoice choice) {
    return PredictorMemory.of(store, choice).allocator(store.spec().layers(), arena);
  }

  private byte[] blob(PredictorChoice choice, String key) {
    return store.blob(key).orElseThrow(() -> choice.missing(store));
  }

  private QuantisedPredictor quantised(PredictorChoice choice) {
    ModelSpec spec = store.spec();
    String key = StoreKeys.quantised(choice.bits());
    long bytes = store.blobBytes(key).orElseThrow(() -> choice.missing(store));
    QuantisedCopy copy =
        QuantisedCopy.decode(
            bytes, (offset, target) -> store.readBlob(key, offset, target), spec.activation(),
            memory(choice));
    if (copy.layers() != spec.layers()
        || copy.inner(0).rows() != spec.feedForward()
        || copy.inner(0).cols() != spec.hidden()
        || copy.planesFor(ActiveRule.OUTPUT) != spec.rowsPerNeuron() - 1) {
      throw new IllegalArgumentException("its shape is not the model's");
    }
    float[] kappas = copy.kappas(activity.rule(), activity.cett());
    float[][][] biases = new float[spec.layers()][][];
    for (int layer = 0; layer < biases.length; layer++) {
      biases[layer] = new float[][] {model.ffnBias(layer, "gate"), model.ffnBias(layer, "up")};
    }
    return new QuantisedPredictor(
        copy, model.kernels(), activity.rule(), activity.thresholds(), kappas, columnNorms,
        biases);
  }

  private LowRankPredictor lowRank(PredictorChoice choice) {
    return new LowRankPredictor(choice.toString(), layers(choice), activity.rule(),
        activity.cett(), model.kernels(), workers);
  }

  private CascadePredictor cascade(PredictorChoice choice) {
    List<CascadeLayer> layers = new ArrayList<>();
    SegmentAllocator memory = memory(choice);
    for (int layer = 0; layer < store.spec().layers(); layer++) {
      CascadeLayer one = CascadeLayer.decode(
          blob(choice, StoreKeys.predictorLayer(choice.stored(), layer)), memory);
      requireShape(one.first());
      layers.add(one);
    }
    return new CascadePredictor(choice.toString(), layers, activity.rule(), activity.cett(),
        model.kernels(), workers);
  }

  private ExpertPredictor experts(PredictorChoice choice) {
    List<ExpertLayer> layers = new ArrayList<>();
    SegmentAllocator memory = memory(choice);
    for (int layer = 0; layer < store.spec().layers(); layer++) {
      ExpertLayer one = ExpertLayer.decode(
          blob(choice, StoreKeys.predictorLayer(choice.stored(), layer)), memory);
      if (one.hidden() != store.spec().hidden()
          || one.neurons() != store.spec().feedForward()) {
        throw new IllegalArgumentException("its shape is not the model's");
      }
      layers.add(one);
    }
    return choice.rank() > 0
        ? ExpertPredictor.share(choice.toString(), layers, choice.rank(), model.kernels())
        : ExpertPredictor.calibrated(choice.toString(), layers, activity.rule(), activity.cett(),
            model.kernels());
  }

  private CertifiedPredictor certified(PredictorChoice choice) {
    ModelSpec spec = store.spec();
    if (spec.activation() != Activation.RELU && spec.activation() != Activation.RELU2) {
      throw new IllegalArgumentException("only ReLU and ReLU² have zeros that can be proven");
    }
    Bound bound = choice.delta() == 0 ? Bound.NORM : Bound.DITHER;
    List<CertifiedLayer> layers = new ArrayList<>();
    SegmentAllocator memory = memory(choice);
    float[][] biases = new float[spec.layers()][];
    for (int layer = 0; layer < spec.layers(); layer++) {
      CertifiedLayer one = CertifiedLayer.decode(
          blob(choice, StoreKeys.predictorLayer(choice.stored(), layer)), bound, memory);
      if (one.hidden() != spec.hidden() || one.neurons() != spec.feedForward()
          || one.bits() != choice.bits() || one.layer() != layer) {
        throw new IllegalArgumentException("its shape is not the model's");
      }
      layers.add(one);
      biases[layer] = model.ffnBias(layer, spec.form() == FfnForm.GATED ? "gate" : "up");
    }
    return bound == Bound.NORM
        ? CertifiedPredictor.byNorms(choice.toString(), layers, biases, model.kernels(), workers)
        : CertifiedPredictor.byDither(choice.toString(), layers, biases, choice.delta(),
            model.kernels(), workers);
  }

  private void requireShape(LowRankLayer layer) {
    if (layer.hidden() != store.spec().hidden()
        || layer.neurons() != store.spec().feedForward()) {
      throw new IllegalArgumentException("its shape is not the model's");
    }
  }

  private List<LowRankLayer> layers(PredictorChoice choice) {
    List<LowRankLayer> layers = new ArrayList<>();
    SegmentAllocator memory = memory(choice);
    for (int layer = 0; layer < store.spec().layers(); layer++) {
      LowRankLayer one = LowRankLayer.decode(
          blob(choice, StoreKeys.predictorLayer(choice.stored(), layer)), memory);
      requireShape(one);
      layers.add(one);
    }
    return layers;
  }
}
