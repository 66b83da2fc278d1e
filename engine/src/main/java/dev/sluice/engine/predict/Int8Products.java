package dev.sluice.engine.predict;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.storage.predictor.Int8Rows;

/**
 * Products of {@link Int8Rows} with a vector of bytes, exact in 32 bits; so all implementations give the same numbers.
 * Stateless and thread-safe.
 */
sealed interface Int8Products permits ScalarInt8Products, VectorInt8Products {
  /** Those that go with {@code kernels}: vectors where it has them. */
  static Int8Products like(Kernels kernels) {
    return kernels.name().startsWith("vector") ? new VectorInt8Products()
        : new ScalarInt8Products();
  }

  /**
   * {@code out[outOffset + 16 · (g − fromGroup) + r] = Σ code · x} for each row r of the groups from {@code fromGroup} up to
   * {@code toGroup}.
   *
   * @param x −127 … 127, two for each step of the rows, zero where padded
   */
  void products(Int8Rows rows, int fromGroup, int toGroup, short[] x, int xOffset, int[] out,
      int outOffset);
}
