package dev.sluice.engine.kernel;

import dev.sluice.storage.tensor.TensorType;

/**
 * How 16 bits become a float32, the same three steps for both 16-bit types so that they share their
 * loops: arithmetic shift of the bits (in the upper half of an int) right, mask, multiply. For F16
 * (IEEE 754 binary16) the shift puts 5 exponent and 10 fraction bits where float32 has its lowest
 * ones, and 2^112 corrects the bias, exactly for subnormals too. For BF16 they are the upper half
 * of a float32 already.
 */
final class HalfFormat {
  private HalfFormat() {}

  static int shift(TensorType type) {
    return type == TensorType.F16 ? 3 : 0;
  }

  static int mask(TensorType type) {
    return type == TensorType.F16 ? 0x8fffe000 : 0xffff0000;
  }

  static float scale(TensorType type) {
    return type == TensorType.F16 ? 0x1p112f : 1f;
  }

  static float decode(int bits, int shift, int mask, float scale) {
    return Float.intBitsToFloat(((bits << 16) >> shift) & mask) * scale;
  }
}
