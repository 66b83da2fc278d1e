package dev.sluice.engine.kernel;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/**
 * Seeded test data: mostly ordinary numbers, some zeros of both signs, subnormals and tiny ones
 * whose products underflow.
 */
final class Samples {
  private Samples() {}

  static float[] floats(Random random, int n) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] =
          switch (random.nextInt(16)) {
            case 0 -> random.nextBoolean() ? 0f : -0f;
            case 1 -> Float.intBitsToFloat(random.nextInt() & 0x807fffff); // subnormal
            case 2 -> (float) random.nextGaussian() * 0x1p-100f;
            default -> (float) random.nextGaussian();
          };
    }
    return x;
  }

  /**
   * n weights in native memory that begins 2 (F32: 4, bytes and blocks: 1) bytes past an allocation's 64-byte boundary.
   */
  static MemorySegment weights(Arena arena, TensorType type, Random random, int n) {
    long shiftBytes = type.isFloat() ? type.bytes(1) : 1;
    MemorySegment weights = arena.allocate(type.bytes(n) + shiftBytes, 64).asSlice(shiftBytes);
    switch (type) {
      case F32 -> {
        for (int i = 0; i < n; i++) {
          weights.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i, floats(random, 1)[0]);
        }
      }
      case F16, BF16 -> {
        for (int i = 0; i < n; i++) {
          weights.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i,
              half(random, type == TensorType.F16 ? 0x7c00 : 0x7f80));
        }
      }
      default -> {
        byte[] bytes = new byte[(int) weights.byteSize()];
        random.nextBytes(bytes);
        MemorySegment.copy(bytes, 0, weights, ValueLayout.JAVA_BYTE, 0, bytes.length);
        for (long block = 0; block < weights.byteSize(); block += type.blockBytes()) {
          for (int scale = 0; scale < scales(type); scale++) {
            weights.set(ValueLayout.JAVA_SHORT_UNALIGNED, block + 2L * scale,
                half(random, 0x7c00));
          }
        }
      }
    }
    return weights;
  }

  /** F16 numbers that a block begins with. */
  private static int scales(TensorType type) {
    return switch (type) {
      case Q8_0, Q4_0 -> 1;
      case Q4_1 -> 2;
      default -> 0;
    };
  }

  private static short half(Random random, int exponentMask) {
    if (random.nextInt(4) == 0) {
      int bits = random.nextInt(1 << 16);
      return (short) ((bits & exponentMask) == exponentMask
          || exponentMask == 0x7f80 && (bits & 0x7f80) > 0x5000
              ? bits & ~exponentMask // neither Inf nor NaN, nor a bfloat16 whose sums overflow
              : bits);
    }
    float value = (float) random.nextGaussian();
    return exponentMask == 0x7c00
        ? Float.floatToFloat16(value)
        : (short) (Float.floatToRawIntBits(value) >>> 16);
  }

  /** Weight i by the definition of its type. */
  static float weight(TensorType type, MemorySegment weights, int i) {
    long block = (long) i / type.blockElements() * type.blockBytes();
    int k = i % type.blockElements();
    return switch (type) {
      case F32 -> weights.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i);
      case F16 -> float16(weights, 2L * i);
      case BF16 ->
          Float.intBitsToFloat(weights.get(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i) << 16);
      case I8 -> weights.get(ValueLayout.JAVA_BYTE, i);
      case U4 -> nibble(weights, i / 2, i % 2);
      case Q8_0 -> float16(weights, block) * weights.get(ValueLayout.JAVA_BYTE, block + 2 + k);
      case Q4_0 -> float16(weights, block) * (nibble(weights, block + 2 + k % 16, k / 16) - 8);
      case Q4_1 -> float16(weights, block) * nibble(weights, block + 4 + k % 16, k / 16)
          + float16(weights, block + 2);
      default -> throw new IllegalArgumentException("no samples of " + type);
    };
  }

  private static float float16(MemorySegment weights, long offsetBytes) {
    return Float.float16ToFloat(weights.get(ValueLayout.JAVA_SHORT_UNALIGNED, offsetBytes));
  }

  private static int nibble(MemorySegment weights, long offsetBytes, int half) {
    int both = Byte.toUnsignedInt(weights.get(ValueLayout.JAVA_BYTE, offsetBytes));
    return half == 0 ? both & 15 : both >> 4;
  }

  /**
   * The package description's sum, written down as plainly as it is stated there; both arrays
   * arranged.
   */
  static float canonicalDot(float[] a, int aOffset, float[] b, int bOffset, int n) {
    float[] s = new float[16];
    for (int block = 0; block < (n + 15) / 16; block++) {
      for (int k = 0; k < 16; k++) {
        int i = 16 * block + k;
        s[k] = Math.fma(i < n ? a[aOffset + i] : 0f, i < n ? b[bOffset + i] : 0f, s[k]);
      }
    }
    float[] t = new float[8];
    for (int k = 0; k < 8; k++) {
      t[k] = s[k] + s[k + 8];
    }
    return ((t[0] + t[4]) + (t[2] + t[6])) + ((t[1] + t[5]) + (t[3] + t[7]));
  }

  static int[] bits(float[] x) {
    int[] bits = new int[x.length];
    for (int i = 0; i < x.length; i++) {
      bits[i] = Float.floatToRawIntBits(x[i]);
    }
    return bits;
  }

  static int bits(float x) {
    return Float.floatToRawIntBits(x);
  }
}
