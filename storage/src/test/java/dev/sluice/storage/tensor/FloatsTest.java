package dev.sluice.storage.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Random;
import org.junit.jupiter.api.Test;

class FloatsTest {
  @Test
  void bytesAreLittleEndianFloat32() {
    assertArrayEquals(
        new byte[] {0, 0, (byte) 0x80, 0x3f, 0, 0, 0, (byte) 0xc0},
        Floats.toBytes(new float[] {1, -2}));
    assertEquals(0, Floats.toBytes(new float[0]).length);
  }

  @Test
  void everyBitPatternSurvives() {
    Random random = new Random(1);
    float[] values = new float[10_000];
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.intBitsToFloat(random.nextInt());
    }
    float[] back = Floats.fromBytes(Floats.toBytes(values));
    for (int i = 0; i < values.length; i++) {
      assertEquals(Float.floatToRawIntBits(values[i]), Float.floatToRawIntBits(back[i]));
    }
  }

  @Test
  void aCutFloatIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> Floats.fromBytes(new byte[7]));
  }

  @Test
  void codesOfTypesAreFrozen() {
    String[] names = {
      "F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K",
      "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4"
    };
    for (int code = 0; code < names.length; code++) {
      assertEquals(names[code], TensorType.ofCode(code).name());
    }
    assertEquals(TensorType.I8, TensorType.ofCode(32));
    assertEquals(TensorType.U4, TensorType.ofCode(33));
    assertEquals(TensorType.I4, TensorType.ofCode(34));
    assertThrows(IllegalArgumentException.class, () -> TensorType.ofCode(16));
    assertEquals(2 * 34, TensorType.Q8_0.bytes(64));
    assertThrows(IllegalArgumentException.class, () -> TensorType.Q8_0.bytes(33));
    assertEquals(12, TensorType.F32.bytes(3));
    assertEquals(6, TensorType.BF16.bytes(3));
    assertThrows(ArithmeticException.class, () -> TensorType.F32.bytes(Long.MAX_VALUE));
  }
}
