package dev.sluice.engine.ffn;

import dev.sluice.engine.kernel.Int8Vector;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.model.ResidentMatrix;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.tensor.TensorType;
import dev.sluice.storage.threshold.ActiveRule;

/**
 * Names exactly the neurons whose gate passes, by computing all gates from rows that are resident anyway (CATS's rule, or the
 * exact one of gates that close). For single tokens: it takes their precision of activations, and so the values that decide
 * here are to the bit those that the rule sees. Thread-safe; memory is the model's.
 */
public final class GatePredictor implements ActivePredictor {
  private static final int CHUNK_NEURONS = 256;

  private final Model model;
  private final ModelSpec spec;
  private final Kernels kernels;
  private final Activity activity;
  private final Workers workers;
  private final ResidentMatrix[] gates;
  private final float[][][] biases;
  private final ThreadLocal<Buffers> buffers;

  /** One caller's. */
  private static final class Buffers {
    final float[] arranged;
    final Int8Vector bytes;
    final long[] rowsAt;
    final float[] inner;

    Buffers(ModelSpec spec, boolean int8) {
      arranged = new float[int8 ? 0 : spec.hidden()];
      bytes = new Int8Vector(int8 ? spec.hidden() : 0);
      rowsAt = new long[spec.feedForward()];
      inner = new float[spec.feedForward()];
    }
  }

  /**
   * @throws IllegalArgumentException if the gate is not resident, or the rule needs more than the gate
   */
  public GatePredictor(Model model, Activity activity, Workers workers) {
    this.model = model;
    this.spec = model.spec();
    this.kernels = model.kernels();
    this.activity = activity;
    this.workers = workers;
    this.gates =
        ResidentGate.of(model)
            .orElseThrow(() -> new IllegalArgumentException("the store's gate is not resident"));
    if (activity.rule() == ActiveRule.OUTPUT) {
      throw new IllegalArgumentException("the output rule needs more than the gate");
    }
    this.biases = FfnBiases.of(model);
    this.buffers = ThreadLocal.withInitial(() -> new Buffers(spec, isInt8()));
  }

  private boolean isInt8() {
    return model.precision().isInt8For(spec.bundle().gate(), spec.hidden());
  }

  @Override
  public String name() {
    return "gate";
  }

  /** The rows are among the resident tensors. */
  @Override
  public long residentBytes() {
    return 0;
  }

  @Override
  public void predict(int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch) {
    if (count != 1) {
      throw new IllegalArgumentException("gates are asked for single tokens");
    }
    Buffers mine = buffers.get();
    int hidden = spec.hidden();
    if (isInt8()) {
      kernels.quantise(normed, offset, hidden, mine.bytes);
    } else {
      kernels.arrange(spec.bundle().gate(), normed, offset, mine.arranged, 0, hidden);
    }
    int neurons = spec.feedForward();
    workers.parallelFor(
        Math.ceilDiv(neurons, CHUNK_NEURONS),
        chunk -> name(layer, mine, predicted, chunk * CHUNK_NEURONS,
            Math.min(neurons, (chunk + 1) * CHUNK_NEURONS)));
  }

  private void name(int layer, Buffers mine, byte[] predicted, int from, int to) {
    ResidentMatrix gate = gates[layer];
    TensorType type = gate.type();
    for (int i = from; i < to; i++) {
      mine.rowsAt[i] = gate.rowOffsetBytes(i);
    }
    if (isInt8()) {
      kernels.dotsAt(type, gate.memory(), mine.rowsAt, from, to - from, mine.bytes, mine.inner,
          from);
    } else {
      kernels.dotsAt(type, gate.memory(), mine.rowsAt, from, to - from, mine.arranged, 0,
          mine.inner, from, spec.hidden());
    }
    float[] bias = biases[layer][0];
    for (int i = from; bias.length > 0 && i < to; i++) {
      mine.inner[i] += bias[i];
    }
    kernels.activate(spec.activation(), mine.inner, from, to - from);
    float threshold = activity.thresholds()[layer];
    for (int i = from; i < to; i++) {
      float inner = Math.abs(mine.inner[i]);
      predicted[i] = (byte) (inner != 0 && inner >= threshold ? 1 : 0);
    }
  }
}
