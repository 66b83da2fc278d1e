package dev.sluice.bundler.checkpoint.gguf;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Seeded damage to the bytes of a sound file: mostly to its header, where the lies are. */
public final class GgufFuzz {
  /** Values that break careless arithmetic. */
  private static final long[] NASTY = {
    0, 1, -1, 255, 1 << 16, 1 << 30, Integer.MAX_VALUE, Integer.MIN_VALUE, 1L << 32, 1L << 40,
    Long.MAX_VALUE, Long.MIN_VALUE, Long.MAX_VALUE - 31, 0x7c007c007c007c00L
  };

  private final SplittableRandom random;
  private final int headerBytes;

  /**
   * @param headerBytes where most of the damage goes
   */
  public GgufFuzz(long seed, int headerBytes) {
    this.random = new SplittableRandom(seed);
    this.headerBytes = headerBytes;
  }

  /** A damaged copy. */
  public byte[] damage(byte[] sound) {
    byte[] bytes = sound.clone();
    int hits = 1 + random.nextInt(3);
    for (int i = 0; i < hits; i++) {
      int at = random.nextInt(random.nextInt(8) == 0 ? bytes.length : headerBytes);
      switch (random.nextInt(5)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) random.nextInt(256);
        case 2 -> put(bytes, at, NASTY[random.nextInt(NASTY.length)], 8);
        case 3 -> put(bytes, at, NASTY[random.nextInt(NASTY.length)], 4);
        default -> {
          int from = random.nextInt(headerBytes);
          int length = Math.min(1 + random.nextInt(64), bytes.length - Math.max(at, from));
          System.arraycopy(sound, from, bytes, at, length);
        }
      }
    }
    if (random.nextInt(4) == 0) {
      int length = random.nextInt(random.nextBoolean() ? bytes.length : headerBytes);
      return Arrays.copyOf(bytes, length);
    }
    return bytes;
  }

  private static void put(byte[] bytes, int at, long value, int width) {
    for (int i = 0; i < width && at + i < bytes.length; i++) {
      bytes[at + i] = (byte) (value >>> 8 * i);
    }
  }
}
