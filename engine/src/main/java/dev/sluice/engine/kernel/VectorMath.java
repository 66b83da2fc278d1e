package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;

import dev.sluice.storage.store.ModelSpec.Activation;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** The vector twins of {@link Exponential} and {@link Activations}, operation by operation. */
final class VectorMath {
  private VectorMath() {}

  static void exp(float[] x, int offset, int n) {
    expOfDifference(x, offset, n, 0f); // x − 0 is x, of either sign
  }

  /**
   * x = e^(x − subtrahend). The only vector exponential, and one that takes and returns arrays: C2
   * may compile a helper of this size before its callers, then refuses to inline it, and vectors
   * that cross a call are boxed.
   */
  private static void expOfDifference(float[] x, int offset, int n, float subtrahend) {
    int i = offset;
    int end = offset + n;
    for (; i < end - 7; i += 8) {
      FloatVector v = FloatVector.fromArray(FLOATS, x, i).sub(subtrahend).max(Exponential.LEAST)
          .min(Exponential.MOST);
      FloatVector rounded = v.fma(Exponential.LOG2_E, Exponential.ROUNDER);
      FloatVector k = rounded.sub(Exponential.ROUNDER);
      FloatVector r = k.fma(constant(Exponential.MINUS_LN_2_LOW),
          k.fma(constant(Exponential.MINUS_LN_2_HIGH), v));
      FloatVector q = constant(Exponential.Q4).fma(r, constant(Exponential.Q3))
          .fma(r, constant(Exponential.Q2)).fma(r, constant(Exponential.Q1))
          .fma(r, constant(Exponential.Q0));
      FloatVector p = q.fma(r, constant(1f)).fma(r, constant(1f));
      IntVector exponent = rounded.reinterpretAsInts().sub(Exponential.ROUNDER_BITS);
      IntVector half = exponent.lanewise(VectorOperators.ASHR, 1);
      p.mul(powerOfTwo(half)).mul(powerOfTwo(exponent.sub(half))).intoArray(x, i);
    }
    for (; i < end; i++) {
      x[i] = Exponential.exp(x[i] - subtrahend);
    }
  }

  private static FloatVector constant(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }

  private static FloatVector powerOfTwo(IntVector exponent) {
    return exponent.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
  }

  static float softmax(float[] x, int offset, int n) {
    float most = most(x, offset, n);
    expOfDifference(x, offset, n, most);
    float sum = sum(x, offset, n);
    divide(x, offset, n, sum);
    return ScalarKernels.logOfSum(most, sum);
  }

  private static void divide(float[] x, int offset, int n, float sum) {
    int i = offset;
    int end = offset + n;
    for (; i < end - 7; i += 8) {
      FloatVector.fromArray(FLOATS, x, i).div(sum).intoArray(x, i);
    }
    for (; i < end; i++) {
      x[i] /= sum;
    }
  }

  /** The maximum of floats is exact, so here the order within reduceLanes does not matter. */
  private static float most(float[] x, int offset, int n) {
    FloatVector t = constant(Float.NEGATIVE_INFINITY);
    int i = offset;
    int end = offset + n;
    for (; i < end - 7; i += 8) {
      t = t.max(FloatVector.fromArray(FLOATS, x, i));
    }
    float most = t.reduceLanes(VectorOperators.MAX);
    for (; i < end; i++) {
      most = Math.max(most, x[i]);
    }
    return most;
  }

  /** Canonical sum of n elements, none negative, so that idle lanes of the tail leave no trace. */
  private static float sum(float[] x, int offset, int n) {
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    int i = offset;
    int end = offset + n;
    for (; i < end - 15; i += 16) {
      low = low.add(FloatVector.fromArray(FLOATS, x, i));
      high = high.add(FloatVector.fromArray(FLOATS, x, i + 8));
    }
    if (i < end) {
      float[] last = Lanes.scratch();
      Arrays.fill(last, 0, 16, 0f);
      System.arraycopy(x, i, last, 0, end - i);
      low = low.add(FloatVector.fromArray(FLOATS, last, 0));
      high = high.add(FloatVector.fromArray(FLOATS, last, 8));
    }
    return Lanes.fold(low.add(high));
  }

  static void activate(Activation activation, float[] x, int offset, int n) {
    int end = offset + (n & -8);
    switch (activation) {
      case RELU -> relu(x, offset, end);
      case RELU2 -> reluSquared(x, offset, end);
      case SILU -> silu(x, offset, end);
      case GELU_TANH -> geluTanh(x, offset, end);
    }
    Activations.apply(activation, x, end, n & 7);
  }

  private static void relu(float[] x, int from, int end) {
    for (int i = from; i < end; i += 8) {
      FloatVector.fromArray(FLOATS, x, i).max(0f).intoArray(x, i);
    }
  }

  private static void reluSquared(float[] x, int from, int end) {
    for (int i = from; i < end; i += 8) {
      FloatVector z = FloatVector.fromArray(FLOATS, x, i).max(0f);
      z.mul(z).intoArray(x, i);
    }
  }

  private static void silu(float[] x, int from, int end) {
    float[] powers = Lanes.scratch();
    for (int i = from; i < end; i += powers.length) {
      int m = Math.min(powers.length, end - i);
      for (int j = 0; j < m; j += 8) {
        FloatVector.fromArray(FLOATS, x, i + j).neg().intoArray(powers, j);
      }
      exp(powers, 0, m);
      divideByOneMore(x, i, powers, m);
    }
  }

  private static void geluTanh(float[] x, int from, int end) {
    float[] powers = Lanes.scratch();
    for (int i = from; i < end; i += powers.length) {
      int m = Math.min(powers.length, end - i);
      for (int j = 0; j < m; j += 8) {
        FloatVector z = FloatVector.fromArray(FLOATS, x, i + j);
        FloatVector cubic = constant(Activations.GELU_CUBIC).fma(z.mul(z), constant(1f));
        z.mul(Activations.GELU_SLOPE).mul(cubic).neg().intoArray(powers, j);
      }
      exp(powers, 0, m);
      divideByOneMore(x, i, powers, m);
    }
  }

  /** z / (1 + power), for a multiple of 8 elements. */
  private static void divideByOneMore(float[] x, int offset, float[] powers, int m) {
    for (int j = 0; j < m; j += 8) {
      FloatVector divisor = FloatVector.fromArray(FLOATS, powers, j).add(1f);
      FloatVector.fromArray(FLOATS, x, offset + j).div(divisor).intoArray(x, offset + j);
    }
  }
}
