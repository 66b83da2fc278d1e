package dev.sluice.storage.predictor;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * The numbers that are added before a layer's rows are rounded and taken away afterwards (subtractive dither): uniform on
 * the multiples of 2⁻²⁴ in [0, 1), one for each element of a row, the same for all rows of the layer. SHA-256 in counter
 * mode, so that nothing but the seed says how they and the weights go together.
 */
public final class Dither {
  /** Numbers are multiples of this. */
  public static final float GRAIN = 0x1p-24f;

  private static final int BITS = 24;

  private Dither() {}

  /** {@code count} numbers of a layer. */
  public static float[] of(long seed, int layer, int count) {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
    byte[] label = "sluice dither".getBytes(StandardCharsets.US_ASCII);
    ByteBuffer input = ByteBuffer.allocate(label.length + Long.BYTES + 2 * Integer.BYTES);
    float[] result = new float[count];
    for (int i = 0, counter = 0; i < count; counter++) {
      input.clear().put(label).putLong(seed).putInt(layer).putInt(counter);
      ByteBuffer hash = ByteBuffer.wrap(digest.digest(input.array()));
      for (; hash.hasRemaining() && i < count; i++) {
        result[i] = (hash.getInt() >>> (Integer.SIZE - BITS)) * GRAIN;
      }
    }
    return result;
  }
}
