package dev.sluice.bench.synth;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Rows as ggml's Q8_0: blocks of 32 elements, a float16 scale and 32 signed bytes each. */
final class Q8Rows {
  private static final int BLOCK = 32;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Q8Rows() {}

  /** Quantises a row as ggml does: the scale is the largest magnitude of a block / 127. */
  static void quantise(float[] row, ByteBuffer target) {
    byte[] block = new byte[BLOCK];
    for (int begin = 0; begin < row.length; begin += BLOCK) {
      float largest = 0;
      for (int k = 0; k < BLOCK; k++) {
        largest = Math.max(largest, Math.abs(row[begin + k]));
      }
      float scale = largest / 127;
      float inverse = scale == 0 ? 0 : 1 / scale;
      for (int k = 0; k < BLOCK; k++) {
        float x = row[begin + k] * inverse;
        block[k] = (byte) (x + (x < 0 ? -0.5f : 0.5f));
      }
      target.putShort(Float.floatToFloat16(scale)).put(block);
    }
  }

  /** Noise that needs no quantising: random bytes under one scale. */
  static void noise(Noise noise, float deviation, int elements, ByteBuffer target) {
    byte[] block = new byte[BLOCK];
    short scale = Float.floatToFloat16(deviation / Noise.BYTE_DEVIATION);
    for (int begin = 0; begin < elements; begin += BLOCK) {
      noise.fill(block, 0, BLOCK);
      target.putShort(scale).put(block);
    }
  }

  /** The float32 values of whole blocks. */
  static void decode(MemorySegment memory, long offsetBytes, float[] target, int at, int elements) {
    long from = offsetBytes;
    for (int begin = 0; begin < elements; begin += BLOCK) {
      float scale = Float.float16ToFloat(memory.get(SHORT, from));
      for (int k = 0; k < BLOCK; k++) {
        target[at + begin + k] = scale * memory.get(ValueLayout.JAVA_BYTE, from + 2 + k);
      }
      from += 2 + BLOCK;
    }
  }
}
