package dev.sluice.engine.model;

import dev.sluice.engine.kernel.Kernels;

/**
 * Bounds values smoothly: c·tanh(x / c), as Gemma 2 does to scores and logits. tanh u is taken as 1 − 2 / (1 + e^(2u)): its
 * error is absolute, a few 10⁻⁸ of the cap.
 */
final class SoftCap {
  private SoftCap() {}

  /** Caps n values in place; a cap of 0 leaves them. */
  static void apply(Kernels kernels, float cap, float[] x, int offset, int n) {
    if (cap == 0) {
      return;
    }
    for (int i = offset; i < offset + n; i++) {
      x[i] = 2 * (x[i] / cap);
    }
    kernels.exp(x, offset, n);
    for (int i = offset; i < offset + n; i++) {
      x[i] = cap * (1 - 2 / (1 + x[i]));
    }
  }
}
