package dev.sluice.storage.block;

/**
 * What a reader asked of its device since it was opened. Live: values grow while the reader works.
 * Confined to the thread that uses the reader. A request counts when it is issued, once, whether or
 * not it succeeds; requests dropped by a drain before they were issued do not count, nor does the
 * probe at open.
 */
public final class IoCounters {
  private long requests;
  private long bytes;
  private long waitNanos;

  IoCounters() {}

  /** Requests issued. */
  public long requests() {
    return requests;
  }

  /**
   * Bytes asked of the device (of the mapping, for {@code mmap}: there the page cache decides what
   * is read).
   */
  public long bytes() {
    return bytes;
  }

  /** Time spent blocked in {@link BlockReader#next}, in nanoseconds. */
  public long waitNanos() {
    return waitNanos;
  }

  void issued(int lengthBytes) {
    requests++;
    bytes += lengthBytes;
  }

  void waited(long nanos) {
    waitNanos += nanos;
  }

  @Override
  public String toString() {
    return requests + " requests, " + bytes + " bytes, " + waitNanos + " ns waited";
  }
}
