package dev.sluice.bundler.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ElementScanTest {
  @Test
  void judgesEveryHalfAndBfloatAsTheirFloats() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      boolean halfFinite = Float.isFinite(Float.float16ToFloat((short) bits));
      boolean bfloatFinite = Float.isFinite(Float.intBitsToFloat(bits << 16));
      // Alone at the end, and as each lane of the first eight bytes among neighbours of all other
      // bits.
      for (int at : new int[] {0, 1, 2, 3, 8}) {
        short[] data = {0x7bff, (short) 0xfbff, 1, 0, 0, 0x7bff, 0, 0, 0};
        data[at] = (short) bits;
        MemorySegment segment = MemorySegment.ofArray(data);
        assertEquals(
            halfFinite ? -1 : at, ElementScan.firstNonFinite(segment, TensorType.F16), "half");
        assertEquals(
            bfloatFinite ? -1 : at, ElementScan.firstNonFinite(segment, TensorType.BF16), "bfloat");
      }
    }
  }

  @Test
  void findsTheFirstBadFloatAtAnyIndex() {
    Random random = new Random(7);
    float[] bad = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, -Float.NaN};
    for (int length = 1; length < 40; length++) {
      float[] data = new float[length];
      for (int i = 0; i < length; i++) {
        data[i] = random.nextBoolean() ? Float.MAX_VALUE : -Float.MIN_VALUE * random.nextInt(9);
      }
      assertEquals(-1, ElementScan.firstNonFinite(MemorySegment.ofArray(data), TensorType.F32));
      int at = random.nextInt(length);
      data[at] = bad[random.nextInt(bad.length)];
      assertEquals(at, ElementScan.firstNonFinite(MemorySegment.ofArray(data), TensorType.F32));
    }
  }
}
