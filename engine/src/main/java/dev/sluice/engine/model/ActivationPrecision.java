package dev.sluice.engine.model;

import dev.sluice.engine.kernel.Int8Vector;
import dev.sluice.storage.tensor.TensorType;

/**
 * In what form a single token's activations meet the rows of quantised weights. Blocks of positions (prompts, traces,
 * perplexity) always meet them as float32.
 */
public enum ActivationPrecision {
  /** As float32; weights count exactly. */
  FLOAT32,
  /**
   * As signed bytes with a scale per 32, which is what ggml's kernels do too: less arithmetic for a small error. Types for
   * which there is no such product keep float32.
   */
  INT8;

  /** Whether a vector of this many activations is turned into bytes for rows of this type. */
  public boolean isInt8For(TensorType type, int activations) {
    return this == INT8 && Int8Vector.suits(type) && activations % Int8Vector.BLOCK == 0;
  }
}
