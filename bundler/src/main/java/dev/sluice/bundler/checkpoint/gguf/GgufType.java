package dev.sluice.bundler.checkpoint.gguf;

import dev.sluice.storage.tensor.TensorType;
import java.util.Optional;

/**
 * Element types of tensors, with ggml's numbers (enum ggml_type). Not all can be stored, but their sizes must be known to
 * check a file, and a tensor that the graph does not use may have any of them.
 */
public enum GgufType {
  F32(0, TensorType.F32),
  F16(1, TensorType.F16),
  Q4_0(2, TensorType.Q4_0),
  Q4_1(3, TensorType.Q4_1),
  Q5_0(6, TensorType.Q5_0),
  Q5_1(7, TensorType.Q5_1),
  Q8_0(8, TensorType.Q8_0),
  Q8_1(9, 32, 36),
  Q2_K(10, TensorType.Q2_K),
  Q3_K(11, TensorType.Q3_K),
  Q4_K(12, TensorType.Q4_K),
  Q5_K(13, TensorType.Q5_K),
  Q6_K(14, TensorType.Q6_K),
  Q8_K(15, 256, 292),
  IQ2_XXS(16, 256, 66),
  IQ2_XS(17, 256, 74),
  IQ3_XXS(18, 256, 98),
  IQ1_S(19, 256, 50),
  IQ4_NL(20, TensorType.IQ4_NL),
  IQ3_S(21, 256, 110),
  IQ2_S(22, 256, 82),
  IQ4_XS(23, TensorType.IQ4_XS),
  I8(24, 1, 1),
  I16(25, 1, 2),
  I32(26, 1, 4),
  I64(27, 1, 8),
  F64(28, 1, 8),
  IQ1_M(29, 256, 56),
  BF16(30, TensorType.BF16),
  TQ1_0(34, 256, 54),
  TQ2_0(35, 256, 66),
  MXFP4(39, TensorType.MXFP4);

  private final int code;
  private final int blockElements;
  private final int blockBytes;
  private final TensorType stored;

  GgufType(int code, int blockElements, int blockBytes) {
    this.code = code;
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
    this.stored = null;
  }

  GgufType(int code, TensorType stored) {
    this.code = code;
    this.blockElements = stored.blockElements();
    this.blockBytes = stored.blockBytes();
    this.stored = stored;
  }

  int blockElements() {
    return blockElements;
  }

  int blockBytes() {
    return blockBytes;
  }

  /** The type it has in a store; empty if stores cannot hold it. */
  public Optional<TensorType> stored() {
    return Optional.ofNullable(stored);
  }

  static Optional<GgufType> ofCode(int code) {
    for (GgufType type : values()) {
      if (type.code == code) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }
}
