package dev.sluice.engine.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/** Stretches of memory brought closer by loading a byte of every line, one after another. Stateless; thread-safe. */
public final class CacheLines {
  private static final int LINE_BYTES = 64;

  private CacheLines() {}

  /**
   * Touches a stretch of less than 2 GiB.
   *
   * @throws IndexOutOfBoundsException if it is not within {@code memory}
   */
  public static void touch(MemorySegment memory, long offsetBytes, long bytes) {
    Objects.checkFromIndexSize(offsetBytes, bytes, memory.byteSize());
    int end = Math.toIntExact(bytes);
    long seen = 0;
    for (int at = 0; at < end; at += LINE_BYTES) {
      seen += memory.get(ValueLayout.JAVA_BYTE, offsetBytes + at);
    }
    Lanes.scratch()[Lanes.SINK] = seen; // so that the compiler cannot leave the loads out
  }

  /** The same of checked memory. */
  static void touch(long address, long bytes) {
    int end = Math.toIntExact(bytes);
    long from = NativeMemory.bounded(address);
    long seen = 0;
    for (int at = 0; at < end; at += LINE_BYTES) {
      seen += NativeMemory.bits8(from + at);
    }
    Lanes.scratch()[Lanes.SINK] = seen;
  }
}
