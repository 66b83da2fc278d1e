package dev.sluice.storage.block;

/** Reads at a place of a file, by the thread that calls, which blocks. Thread-safe. */
interface PositionedRead extends AutoCloseable {
  /**
   * Reads into native memory.
   *
   * @return bytes read, 0 at the end of the file, or −errno
   */
  long read(long address, int lengthBytes, long fileOffsetBytes);

  /** Releases what it opened; called once, when no read is under way. */
  @Override
  void close();
}
