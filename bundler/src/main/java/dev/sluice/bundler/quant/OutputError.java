package dev.sluice.bundler.quant;

import dev.sluice.bundler.predictor.ActivationFunction;
import dev.sluice.bundler.predictor.Products;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How far a layer's FFN output moves when its bundles are encoded anew: root of the squared distance over the squared
 * output, summed over some of the inputs that the tracer kept, every neuron computed. Before down's bias and any norm.
 */
final class OutputError {
  /** A tile of {@link Products}. */
  static final int POSITIONS = 16;

  private static final int SLICES = 8; // fixed, so that sums do not depend on the machine
  private static final int CHUNK_NEURONS = 64;

  private final BundleDecoder before;
  private final BundleDecoder after;
  private final ModelSpec spec;
  private final float[] innerBias;
  private final float[] upBias;
  private final float[] inputs; // hidden × positions
  private final int positions;

  /**
   * @param innerBias one per neuron, or empty
   * @param upBias one per neuron when gated, or empty
   * @param kept inputs, positions × hidden
   */
  OutputError(BundleDecoder before, BundleDecoder after, float[] innerBias, float[] upBias,
      float[] kept) {
    this.before = before;
    this.after = after;
    this.spec = before.spec();
    this.innerBias = innerBias;
    this.upBias = upBias;
    int hidden = spec.hidden();
    int all = kept.length / hidden;
    positions = Math.min(POSITIONS, all);
    float[] some = new float[positions * hidden];
    for (int t = 0; t < positions; t++) { // evenly spread
      int from = (int) ((long) t * all / positions);
      System.arraycopy(kept, from * hidden, some, t * hidden, hidden);
    }
    inputs = Products.transpose(some, positions, hidden);
  }

  private record Sums(float[] output, float[] distance) {}

  /** The relative error; 0 where there is no output. */
  double relative() {
    int neurons = spec.feedForward();
    List<Sums> slices =
        IntStream.range(0, SLICES)
            .parallel()
            .mapToObj(
                slice -> slice((int) ((long) neurons * slice / SLICES),
                    (int) ((long) neurons * (slice + 1) / SLICES)))
            .toList();
    double output = 0;
    double distance = 0;
    for (int k = 0; k < positions * spec.hidden(); k++) {
      double y = 0;
      double off = 0;
      for (Sums sums : slices) {
        y += sums.output[k];
        off += sums.distance[k];
      }
      output += y * y;
      distance += off * off;
    }
    return output == 0 ? 0 : Math.sqrt(distance / output);
  }

  private Sums slice(int from, int to) {
    int hidden = spec.hidden();
    Sums sums = new Sums(new float[positions * hidden], new float[positions * hidden]);
    float[] rows = new float[CHUNK_NEURONS * hidden];
    float[] column = new float[hidden];
    float[] moved = new float[hidden];
    for (int first = from; first < to; first += CHUNK_NEURONS) {
      int some = Math.min(CHUNK_NEURONS, to - first);
      float[] h = outputs(before, first, some, rows);
      float[] g = outputs(after, first, some, rows);
      for (int i = 0; i < some; i++) {
        if (silent(h, i) && silent(g, i)) {
          continue;
        }
        before.down(first + i, column, 0);
        after.down(first + i, moved, 0);
        for (int t = 0; t < positions; t++) {
          float a = h[i * positions + t];
          float b = g[i * positions + t];
          if (a != 0 || b != 0) {
            add(a, column, b, moved, sums, t * hidden);
          }
        }
      }
    }
    return sums;
  }

  private void add(float a, float[] column, float b, float[] moved, Sums sums, int at) {
    for (int j = 0; j < column.length; j++) {
      float y = a * column[j];
      sums.output[at + j] += y;
      sums.distance[at + j] += b * moved[j] - y;
    }
  }

  private boolean silent(float[] h, int i) {
    for (int t = 0; t < positions; t++) {
      if (h[i * positions + t] != 0) {
        return false;
      }
    }
    return true;
  }

  /** h of some neurons, neurons × positions. */
  private float[] outputs(BundleDecoder weights, int first, int some, float[] rows) {
    for (int i = 0; i < some; i++) {
      weights.inner(first + i, rows, i * spec.hidden());
    }
    float[] h = products(rows, first, some, innerBias);
    for (int k = 0; k < h.length; k++) {
      h[k] = ActivationFunction.of(spec.activation(), h[k]);
    }
    if (spec.form() == FfnForm.GATED) {
      for (int i = 0; i < some; i++) {
        weights.up(first + i, rows, i * spec.hidden());
      }
      float[] up = products(rows, first, some, upBias);
      for (int k = 0; k < h.length; k++) {
        h[k] *= up[k];
      }
    }
    return h;
  }

  private float[] products(float[] rows, int first, int some, float[] bias) {
    float[] result = new float[some * positions];
    Products.addRows(rows, 0, some, spec.hidden(), inputs, positions, result);
    for (int k = 0; bias.length > 0 && k < result.length; k++) {
      result[k] += bias[first + k / positions];
    }
    return result;
  }
}
