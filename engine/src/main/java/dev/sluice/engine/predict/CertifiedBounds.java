package dev.sluice.engine.predict;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.storage.predictor.CertifiedLayer;
import dev.sluice.storage.predictor.CertifiedLayer.Bound;

/**
 * Upper bounds of pre-activations from a {@link CertifiedLayer}. Where one is not above 0, neither is what the FFN's kernel computes
 * (with the probability that the input was prepared for). All implementations give the same bits: products of a block go to four
 * sums, of elements 0 … 7, 8 … 15, 16 … 23 and 24 … 31, added as (s0 + s1) + (s2 + s3); the rest is one chain of fused
 * multiply-adds a row. Stateless and thread-safe.
 */
sealed interface CertifiedBounds permits ScalarCertifiedBounds, VectorCertifiedBounds {
  /** Of all terms' absolute values, what the last few additions may lose. */
  float LAST_ROUNDINGS = 0x1p-20f;

  /** Those that go with {@code kernels}: vectors where it has them. */
  static CertifiedBounds like(Kernels kernels) {
    return kernels.name().startsWith("vector") ? new VectorCertifiedBounds()
        : new ScalarCertifiedBounds();
  }

  /**
   * Writes the bounds of the rows of groups {@code fromGroup} up to {@code toGroup}, row i's to {@code out[i]}; NaN or infinite where
   * there is none.
   *
   * @param bias added to each row's product, padded to whole groups
   */
  void bounds(CertifiedLayer layer, Bound bound, int fromGroup, int toGroup, CertifiedInput input,
      float[] bias, float[] out);
}
