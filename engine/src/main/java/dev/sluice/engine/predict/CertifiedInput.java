package dev.sluice.engine.predict;

import dev.sluice.engine.kernel.Int8Vector;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.storage.predictor.CertifiedLayer;
import dev.sluice.storage.predictor.CertifiedLayer.Bound;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * What all rows of a {@link CertifiedLayer} have in common for one input x: sums over blocks, x along the directions, and the
 * length of what remains, every bound rounded away from 0. One thread.
 *
 * <p>Beyond {@link #LONGEST} nothing is proven; below it, no sum of products overflows.
 */
final class CertifiedInput {
  /** Longest x of which anything is proven. */
  private static final double LONGEST = 0x1p40;

  // Of float32 rounding, 2⁻²⁴, with room for its powers: (1 + u)ⁿ − 1 is below n · ROUNDING for n up to 2¹⁶.
  private static final double ROUNDING = 0x1.02p-24;
  // Above what gradual underflow can lose in all sums together.
  private static final float UNDERFLOW = 0x1p-100f;

  float[] x = {}; // padded with zeros to whole blocks
  float[] sums = {}; // of each block's x
  float[] dithered = {}; // of each block's (u − ½)·x
  float[] spreads = {}; // NORM: ‖r_b‖ in units of norms; DITHER: ‖r_b‖²
  float[] along = {}; // c
  float spreadFloor; // what the sum over spreads begins with
  float spreadFactor; // DITHER: by which it is multiplied before the root is taken
  float magnitudeSlack; // times a row's magnitude
  float stepSlack; // times a row's step
  private float[] rest = {};
  private Int8Vector bytes = new Int8Vector(0);

  /** Prepares for an input that the kernels see as float32. */
  void set(CertifiedLayer layer, Bound bound, double deviations, Kernels kernels, float[] normed,
      int offset) {
    resize(layer);
    System.arraycopy(normed, offset, x, 0, layer.hidden());
    Arrays.fill(x, layer.hidden(), layer.blocks() * CertifiedLayer.BLOCK, 0f);
    prepare(layer, bound, deviations, kernels);
  }

  /** Prepares for an input that the kernels turn into bytes first: what those stand for. */
  void setInt8(CertifiedLayer layer, Bound bound, double deviations, Kernels kernels,
      float[] normed, int offset) {
    resize(layer);
    int hidden = layer.hidden();
    if (bytes.capacity() < hidden) {
      bytes = new Int8Vector(hidden);
    }
    kernels.quantise(normed, offset, hidden, bytes);
    for (int i = 0; i < hidden; i++) {
      x[i] = bytes.quant(i) * bytes.scale(i / Int8Vector.BLOCK);
    }
    prepare(layer, bound, deviations, kernels);
  }

  private void resize(CertifiedLayer layer) {
    int padded = layer.blocks() * CertifiedLayer.BLOCK;
    if (x.length < padded) {
      x = new float[padded];
      rest = new float[padded];
    }
    if (sums.length < layer.blocks()) {
      sums = new float[layer.blocks()];
      dithered = new float[layer.blocks()];
      spreads = new float[layer.blocks()];
    }
    if (along.length < layer.directionCount()) {
      along = new float[layer.directionCount()];
    }
  }

  private void prepare(CertifiedLayer layer, Bound bound, double deviations, Kernels kernels) {
    int hidden = layer.hidden();
    int count = layer.directionCount();
    MemorySegment directions = layer.directions();
    // Arranged elements stay in their sixteens, so blocks keep what is theirs.
    Arrays.fill(rest, hidden, layer.blocks() * CertifiedLayer.BLOCK, 0f);
    kernels.arrange(TensorType.F16, x, 0, rest, 0, hidden);
    double alongSum = 0;
    for (int k = 0; k < count; k++) {
      along[k] =
          kernels.dot(TensorType.F16, directions, k * 2L * hidden, rest, 0, hidden);
      alongSum += Math.abs(along[k]);
    }
    for (int k = 0; k < count; k++) {
      kernels.axpy(TensorType.F16, -along[k], directions, k * 2L * hidden, rest, 0, hidden);
    }
    double square = 0;
    for (int block = 0; block < layer.blocks(); block++) {
      square += sumBlock(layer, block);
    }
    double length = Math.sqrt(square) * (1 + 1e-9);
    // By how much `rest` may be off x − Σ c_k v_k: a rounding for each direction, of terms no longer than these.
    double off = ROUNDING * (count + 2) * (length + alongSum * layer.directionLength());
    double restSquare = 0;
    for (int block = 0; block < layer.blocks(); block++) {
      double norm = Math.sqrt(squareOf(rest, block)) * (1 + 1e-9) + off + UNDERFLOW;
      restSquare += norm * norm;
      spreads[block] = switch (bound) {
        case NORM -> Math.nextUp((float) (norm * CertifiedLayer.NORM_UNIT * (1 + 0x1p-12)));
        case DITHER -> Math.nextUp((float) (norm * norm));
      };
    }
    spreadFloor = bound == Bound.NORM ? 0 : 0x1p-120f;
    spreadFactor = Math.nextUp((float) (deviations * deviations / 12 * (1 + 0x1p-12)));
    double most = Math.max(length, Math.sqrt(restSquare));
    if (!(most < LONGEST) || !(alongSum < LONGEST)) {
      magnitudeSlack = Float.POSITIVE_INFINITY;
      stepSlack = Float.POSITIVE_INFINITY;
      return;
    }
    // The kernel's sum goes through hidden/16 roundings and its tree; ours through a block's eight, its tree and one for each block;
    // the dither's grain and the rounding of bytes' products count as some more.
    double roundings = hidden / 16 + layer.blocks() + 64.0;
    magnitudeSlack = Math.nextUp((float) (roundings * ROUNDING * most + UNDERFLOW));
    // Half a step each, and the rounding of the sum over directions, whose terms are at most 127 steps.
    stepSlack = Math.nextUp(
        (float) (alongSum * (0.5 + 0x1p-10 + 127 * (count + 4) * ROUNDING) + UNDERFLOW));
  }

  private double sumBlock(CertifiedLayer layer, int block) {
    float[] dither = layer.dither();
    double sum = 0;
    double shifted = 0;
    double square = 0;
    int from = block * CertifiedLayer.BLOCK;
    int to = Math.min(layer.hidden(), from + CertifiedLayer.BLOCK);
    for (int i = from; i < to; i++) {
      double value = x[i];
      sum += value;
      shifted += (dither[i] - 0.5) * value;
      square += value * value;
    }
    sums[block] = (float) sum;
    dithered[block] = (float) shifted;
    return square;
  }

  private static double squareOf(float[] values, int block) {
    double square = 0;
    int from = block * CertifiedLayer.BLOCK;
    for (int i = from; i < from + CertifiedLayer.BLOCK; i++) {
      square += (double) values[i] * values[i];
    }
    return square;
  }
}
