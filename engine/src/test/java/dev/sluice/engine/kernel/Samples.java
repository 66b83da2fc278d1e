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
   * n weights in native memory that begins 2 (F32: 4) bytes past an allocation's 64-byte boundary.
   */
  static MemorySegment weights(Arena arena, TensorType type, Random random, int n) {
    long shiftBytes = type.bytes(1);
    MemorySegment weights = arena.allocate(type.bytes(n) + shiftBytes, 64).asSlice(shiftBytes);
    for (int i = 0; i < n; i++) {
      switch (type) {
        case F32 -> weights.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i, floats(random, 1)[0]);
        case F16 -> weights.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, half(random, 0x7c00));
        case BF16 -> weights.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, half(random, 0x7f80));
      }
    }
    return weights;
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

  /** Weight i as Java itself decodes it. */
  static float weight(TensorType type, MemorySegment weights, int i) {
    return switch (type) {
      case F32 -> weights.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i);
      case F16 -> Float.float16ToFloat(weights.get(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i));
      case BF16 ->
          Float.intBitsToFloat(weights.get(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i) << 16);
      default -> throw new IllegalArgumentException("no samples of " + type);
    };
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
