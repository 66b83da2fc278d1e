package dev.sluice.storage.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * ggml's quantised blocks taken apart: each element is {@code scale · q + min}, where {@code groupElements} consecutive
 * elements share scale and min. Layouts as in ggml-common.h, arithmetic as in ggml's {@code dequantize_row_*}. Scales and
 * minimums are exact in float32, and so is every product scale · q (at most 23 significant bits), so that only the last
 * addition rounds, if there is one, and fused or not gives the same. Stateless; thread-safe.
 */
public final class ScaledBlocks {
  private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  /** Levels of IQ4_NL and IQ4_XS. */
  private static final byte[] NON_LINEAR = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  /** Levels of MXFP4 (E2M1), doubled to make them integers; the scale is halved. */
  private static final byte[] E2M1_DOUBLED = {
    0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12
  };

  private static final int SUPER_BLOCK = 256;
  private static final int HALF_BLOCK = 16; // bytes of 32 nibbles

  private ScaledBlocks() {}

  /** Consecutive elements that share a scale. */
  public static int groupElements(TensorType type) {
    return switch (type) {
      case Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, IQ4_XS, MXFP4, Q4_K, Q5_K -> 32;
      case Q2_K, Q3_K, Q6_K -> 16;
      case F32, F16, BF16, I8, U4, I4 ->
          throw new IllegalArgumentException(type + " has no scales");
    };
  }

  /** Whether elements are {@code scale · q + min}; otherwise min is 0. */
  public static boolean hasMinimums(TensorType type) {
    return switch (type) {
      case Q4_1, Q5_1, Q2_K, Q4_K, Q5_K -> true;
      default -> false;
    };
  }

  /**
   * The least q that a block of this type can hold; subtracting it makes all of them unsigned.
   */
  public static int leastQuant(TensorType type) {
    return switch (type) {
      case Q8_0 -> -128;
      case Q4_0 -> -8;
      case Q5_0 -> -16;
      case Q3_K -> -4;
      case Q6_K -> -32;
      case IQ4_NL, IQ4_XS -> -127;
      case MXFP4 -> -12;
      case Q4_1, Q5_1, Q2_K, Q4_K, Q5_K -> 0;
      case F32, F16, BF16, I8, U4, I4 ->
          throw new IllegalArgumentException(type + " has no scales");
    };
  }

  /**
   * Takes one block apart.
   *
   * @param memory holds the block at {@code at}, at any alignment
   * @param quants gets {@link TensorType#blockElements} integers from {@code quantsAt} on, in element order
   * @param scales gets one per group from {@code groupAt} on
   * @param mins likewise; written only if the type {@link #hasMinimums}
   */
  public static void unpack(TensorType type, MemorySegment memory, long at, byte[] quants,
      int quantsAt, float[] scales, float[] mins, int groupAt) {
    switch (type) {
      case Q8_0 -> {
        scales[groupAt] = half(memory, at);
        for (int l = 0; l < 32; l += Long.BYTES) { // a copy's call costs more than its bytes
          LONGS.set(quants, quantsAt + l, memory.get(LONG, at + 2 + l));
        }
      }
      case Q4_0 -> {
        scales[groupAt] = half(memory, at);
        nibbles(memory, at + 2, 8, quants, quantsAt);
      }
      case Q4_1 -> {
        scales[groupAt] = half(memory, at);
        mins[groupAt] = half(memory, at + 2);
        nibbles(memory, at + 4, 0, quants, quantsAt);
      }
      case Q5_0 -> {
        scales[groupAt] = half(memory, at);
        fiveBits(memory, at + 2, 16, quants, quantsAt);
      }
      case Q5_1 -> {
        scales[groupAt] = half(memory, at);
        mins[groupAt] = half(memory, at + 2);
        fiveBits(memory, at + 4, 0, quants, quantsAt);
      }
      case IQ4_NL -> {
        scales[groupAt] = half(memory, at);
        levels(memory, at + 2, NON_LINEAR, quants, quantsAt);
      }
      case MXFP4 -> {
        scales[groupAt] = halfPowerOfTwo(memory.get(BYTE, at) & 0xff);
        levels(memory, at + 1, E2M1_DOUBLED, quants, quantsAt);
      }
      case Q2_K -> q2k(memory, at, quants, quantsAt, scales, mins, groupAt);
      case Q3_K -> q3k(memory, at, quants, quantsAt, scales, groupAt);
      case Q4_K -> {
        sixBitScales(memory, at, scales, mins, groupAt);
        for (int pair = 0; pair < 4; pair++) {
          long from = at + 16 + 32L * pair;
          int to = quantsAt + 64 * pair;
          for (int l = 0; l < 32; l++) {
            int b = memory.get(BYTE, from + l);
            quants[to + l] = (byte) (b & 15);
            quants[to + 32 + l] = (byte) (b >> 4 & 15);
          }
        }
      }
      case Q5_K -> q5k(memory, at, quants, quantsAt, scales, mins, groupAt);
      case Q6_K -> q6k(memory, at, quants, quantsAt, scales, groupAt);
      case IQ4_XS -> {
        float scale = half(memory, at);
        int high = memory.get(SHORT, at + 2);
        for (int group = 0; group < SUPER_BLOCK / 32; group++) {
          int low = memory.get(BYTE, at + 4 + group / 2) >> 4 * (group % 2) & 15;
          scales[groupAt + group] = scale * ((low | (high >> 2 * group & 3) << 4) - 32);
          levels(memory, at + 8 + 16L * group, NON_LINEAR, quants, quantsAt + 32 * group);
        }
      }
      case F32, F16, BF16, I8, U4, I4 ->
          throw new IllegalArgumentException(type + " has no scales");
    }
  }

  private static float half(MemorySegment memory, long at) {
    return Float.float16ToFloat(memory.get(SHORT, at));
  }

  /** 2^(exponent − 128): an E8M0 scale, halved. */
  private static float halfPowerOfTwo(int exponent) {
    return Float.intBitsToFloat(exponent < 2 ? 0x0020_0000 << exponent : (exponent - 1) << 23);
  }

  /** 16 bytes: low halves first, then high ones. */
  private static void nibbles(MemorySegment memory, long from, int offset, byte[] quants, int to) {
    for (int l = 0; l < HALF_BLOCK; l++) {
      int b = memory.get(BYTE, from + l);
      quants[to + l] = (byte) ((b & 15) - offset);
      quants[to + HALF_BLOCK + l] = (byte) ((b >> 4 & 15) - offset);
    }
  }

  private static void levels(MemorySegment memory, long from, byte[] levels, byte[] quants,
      int to) {
    for (int l = 0; l < HALF_BLOCK; l++) {
      int b = memory.get(BYTE, from + l);
      quants[to + l] = levels[b & 15];
      quants[to + HALF_BLOCK + l] = levels[b >> 4 & 15];
    }
  }

  /** 32 fifth bits, then 16 bytes of the lower four. */
  private static void fiveBits(MemorySegment memory, long from, int offset, byte[] quants, int to) {
    int fifth = memory.get(INT, from);
    for (int l = 0; l < HALF_BLOCK; l++) {
      int b = memory.get(BYTE, from + 4 + l);
      quants[to + l] = (byte) ((b & 15 | (fifth >>> l & 1) << 4) - offset);
      quants[to + HALF_BLOCK + l] =
          (byte) ((b >> 4 & 15 | (fifth >>> HALF_BLOCK + l & 1) << 4) - offset);
    }
  }

  private static void q2k(MemorySegment memory, long at, byte[] quants, int quantsAt,
      float[] scales, float[] mins, int groupAt) {
    float scale = half(memory, at + 80);
    float min = half(memory, at + 82);
    for (int group = 0; group < 16; group++) {
      int packed = memory.get(BYTE, at + group);
      scales[groupAt + group] = scale * (packed & 15);
      mins[groupAt + group] = -(min * (packed >> 4 & 15));
    }
    for (int i = 0; i < SUPER_BLOCK; i++) {
      quants[quantsAt + i] = (byte) twoBits(memory, at + 16, i);
    }
  }

  /** Element i of 64 bytes that hold four times 32 elements in each half, two bits each. */
  private static int twoBits(MemorySegment memory, long from, int i) {
    return memory.get(BYTE, from + 32L * (i / 128) + i % 32) >> 2 * (i % 128 / 32) & 3;
  }

  private static void q3k(MemorySegment memory, long at, byte[] quants, int quantsAt,
      float[] scales, int groupAt) {
    float scale = half(memory, at + 108);
    for (int group = 0; group < 16; group++) {
      int low = memory.get(BYTE, at + 96 + group % 8) >> 4 * (group / 8) & 15;
      int high = memory.get(BYTE, at + 104 + group % 4) >> 2 * (group / 4) & 3;
      scales[groupAt + group] = scale * ((low | high << 4) - 32);
    }
    for (int i = 0; i < SUPER_BLOCK; i++) {
      int third = memory.get(BYTE, at + i % 32) >> i / 32 & 1;
      quants[quantsAt + i] = (byte) (twoBits(memory, at + 32, i) + 4 * third - 4);
    }
  }

  /** Scale and min as halves, then eight pairs of six bits in twelve bytes: Q4_K and Q5_K. */
  private static void sixBitScales(MemorySegment memory, long at, float[] scales, float[] mins,
      int groupAt) {
    float scale = half(memory, at);
    float min = half(memory, at + 2);
    for (int group = 0; group < 8; group++) {
      int s;
      int m;
      if (group < 4) {
        s = memory.get(BYTE, at + 4 + group) & 63;
        m = memory.get(BYTE, at + 8 + group) & 63;
      } else {
        int low = memory.get(BYTE, at + 8 + group);
        s = low & 15 | (memory.get(BYTE, at + group) >> 6 & 3) << 4;
        m = low >> 4 & 15 | (memory.get(BYTE, at + 4 + group) >> 6 & 3) << 4;
      }
      scales[groupAt + group] = scale * s;
      mins[groupAt + group] = -(min * m);
    }
  }

  private static void q5k(MemorySegment memory, long at, byte[] quants, int quantsAt,
      float[] scales, float[] mins, int groupAt) {
    sixBitScales(memory, at, scales, mins, groupAt);
    for (int l = 0; l < 32; l++) {
      int fifth = memory.get(BYTE, at + 16 + l);
      for (int pair = 0; pair < 4; pair++) {
        int b = memory.get(BYTE, at + 48 + 32L * pair + l);
        int to = quantsAt + 64 * pair + l;
        quants[to] = (byte) (b & 15 | (fifth >> 2 * pair & 1) << 4);
        quants[to + 32] = (byte) (b >> 4 & 15 | (fifth >> 2 * pair + 1 & 1) << 4);
      }
    }
  }

  private static void q6k(MemorySegment memory, long at, byte[] quants, int quantsAt,
      float[] scales, int groupAt) {
    float scale = half(memory, at + 208);
    for (int group = 0; group < 16; group++) {
      scales[groupAt + group] = scale * memory.get(BYTE, at + 192 + group);
    }
    for (int part = 0; part < 2; part++) {
      for (int l = 0; l < 32; l++) {
        int a = memory.get(BYTE, at + 64L * part + l);
        int b = memory.get(BYTE, at + 64L * part + 32 + l);
        int high = memory.get(BYTE, at + 128 + 32L * part + l);
        int to = quantsAt + 128 * part + l;
        quants[to] = (byte) ((a & 15 | (high & 3) << 4) - 32);
        quants[to + 32] = (byte) ((b & 15 | (high >> 2 & 3) << 4) - 32);
        quants[to + 64] = (byte) ((a >> 4 & 15 | (high >> 4 & 3) << 4) - 32);
        quants[to + 96] = (byte) ((b >> 4 & 15 | (high >> 6 & 3) << 4) - 32);
      }
    }
  }
}
