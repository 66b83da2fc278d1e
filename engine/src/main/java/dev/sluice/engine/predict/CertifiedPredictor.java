package dev.sluice.engine.predict;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.predictor.CertifiedLayer;
import dev.sluice.storage.predictor.CertifiedLayer.Bound;
import dev.sluice.storage.predictor.ErrorBound;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * Leaves out a neuron only if it is proven that the FFN's own kernel computes a pre-activation not above 0, so that ReLU or its square
 * is 0: always, or except with a probability for each decision. See {@link CertifiedLayer}. A single position is split over threads
 * by ranges of neurons.
 */
public final class CertifiedPredictor implements ActivePredictor {
  // Rows that one task takes of a single position: about so many bytes of codes.
  private static final long TASK_BYTES = 128 << 10;

  private final String name;
  private final List<CertifiedLayer> layers;
  private final float[][] biases; // padded to whole groups
  private final Bound bound;
  private final double deviations;
  private final Form form;
  private final Kernels kernels;
  private final CertifiedBounds bounds;
  private final Workers workers;

  /** As what the FFN's kernel meets an input. */
  private enum Form {
    FLOAT32,
    INT8
  }

  private CertifiedPredictor(String name, List<CertifiedLayer> layers, float[][] biases,
      Bound bound, double deviations, Form form, Kernels kernels, Workers workers) {
    this.name = name;
    this.layers = layers;
    this.biases = biases;
    this.bound = bound;
    this.deviations = deviations;
    this.form = form;
    this.kernels = kernels;
    this.bounds = CertifiedBounds.like(kernels);
    this.workers = workers;
  }

  /**
   * One that is never wrong.
   *
   * @param layers in layer order, with norms
   * @param biases of the rows, layer × neuron; empty arrays where there are none
   * @param workers shares the work on single positions
   */
  public static CertifiedPredictor byNorms(String name, List<CertifiedLayer> layers,
      float[][] biases, Kernels kernels, Workers workers) {
    return new CertifiedPredictor(name, List.copyOf(layers), padded(layers, biases), Bound.NORM, 0,
        Form.FLOAT32, kernels, workers);
  }

  /**
   * One that leaves out an active neuron with probability δ at most.
   *
   * @param delta δ, of each decision
   * @throws IllegalArgumentException unless 0 &lt; δ &lt; 1
   */
  public static CertifiedPredictor byDither(String name, List<CertifiedLayer> layers,
      float[][] biases, double delta, Kernels kernels, Workers workers) {
    return new CertifiedPredictor(name, List.copyOf(layers), padded(layers, biases), Bound.DITHER,
        ErrorBound.deviations(delta), Form.FLOAT32, kernels, workers);
  }

  /** The same for positions whose activations the kernel turns into bytes (Q8_0 and Q4_0 rows). */
  public CertifiedPredictor forInt8() {
    return new CertifiedPredictor(name, layers, biases, bound, deviations, Form.INT8, kernels,
        workers);
  }

  private static float[][] padded(List<CertifiedLayer> layers, float[][] biases) {
    float[][] result = new float[layers.size()][];
    for (int layer = 0; layer < result.length; layer++) {
      result[layer] = new float[layers.get(layer).groups() * CertifiedLayer.LANES];
      System.arraycopy(biases[layer], 0, result[layer], 0, biases[layer].length);
    }
    return result;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long residentBytes() {
    return layers.stream().mapToLong(CertifiedLayer::residentBytes).sum();
  }

  @Override
  public void predict(
      int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch) {
    CertifiedLayer at = layers.get(layer);
    CertifiedScratch own = scratch.certified();
    own.resize(at.groups() * CertifiedLayer.LANES);
    long groupBytes = (long) at.blocks() * at.blockBytes();
    int taskGroups = (int) Math.max(1, TASK_BYTES / groupBytes);
    int tasks = (at.groups() + taskGroups - 1) / taskGroups;
    for (int t = 0; t < count; t++) {
      int from = offset + t * at.hidden();
      if (form == Form.INT8) {
        own.input.setInt8(at, bound, deviations, kernels, normed, from);
      } else {
        own.input.set(at, bound, deviations, kernels, normed, from);
      }
      if (count > 1 || tasks == 1) {
        judge(at, layer, 0, at.groups(), own, predicted, t, count);
      } else {
        own.job.set(this, layer, taskGroups, own, predicted);
        workers.parallelFor(tasks, own.job);
        own.job.clear();
      }
    }
  }

  private void judge(CertifiedLayer at, int layer, int fromGroup, int toGroup,
      CertifiedScratch own, byte[] predicted, int t, int count) {
    bounds.bounds(at, bound, fromGroup, toGroup, own.input, biases[layer], own.upper);
    int last = Math.min(at.neurons(), toGroup * CertifiedLayer.LANES);
    for (int i = fromGroup * CertifiedLayer.LANES; i < last; i++) {
      // What is no number proves nothing.
      predicted[i * count + t] = (byte) (own.upper[i] <= 0 ? 0 : 1);
    }
  }

  /** One position's ranges of neurons; kept in the scratch, so that predicting allocates nothing. */
  static final class Job implements IntConsumer {
    private CertifiedPredictor predictor;
    private int layer;
    private int taskGroups;
    private CertifiedScratch own;
    private byte[] predicted;

    private void set(CertifiedPredictor predictor, int layer, int taskGroups,
        CertifiedScratch own, byte[] predicted) {
      this.predictor = predictor;
      this.layer = layer;
      this.taskGroups = taskGroups;
      this.own = own;
      this.predicted = predicted;
    }

    private void clear() {
      predictor = null;
      predicted = null;
    }

    @Override
    public void accept(int task) {
      CertifiedLayer at = predictor.layers.get(layer);
      predictor.judge(at, layer, task * taskGroups,
          Math.min(at.groups(), (task + 1) * taskGroups), own, predicted, 0, 1);
    }
  }
}
