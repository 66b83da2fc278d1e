package dev.sluice.storage.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Float arrays as little-endian float32 bytes, the form in which blobs keep them. */
public final class Floats {
  private Floats() {}

  public static byte[] toBytes(float[] values) {
    ByteBuffer out = ByteBuffer.allocate(Math.multiplyExact(values.length, Float.BYTES))
        .order(ByteOrder.LITTLE_ENDIAN);
    out.asFloatBuffer().put(values);
    return out.array();
  }

  /**
   * @throws IllegalArgumentException if the length is no multiple of four
   */
  public static float[] fromBytes(byte[] bytes) {
    if (bytes.length % Float.BYTES != 0) {
      throw new IllegalArgumentException(
          bytes.length + " bytes are no whole number of float32 values");
    }
    float[] values = new float[bytes.length / Float.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return values;
  }
}
