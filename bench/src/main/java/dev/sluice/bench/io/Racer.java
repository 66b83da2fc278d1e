package dev.sluice.bench.io;

/** Somebody who reads lists when told to, and does nothing in between. Not thread-safe. */
interface Racer extends AutoCloseable {
  String name();

  /** What it says of itself. */
  String greeting();

  /** Whether further laps would make it no faster. */
  boolean isWarm();

  /**
   * Reads a list.
   *
   * @throws dev.sluice.storage.FaultException if it cannot
   */
  Lap run(ReadList list);

  @Override
  void close();

  /**
   * One list read.
   *
   * @param check a sum over what was read, the same for all who read the same list; empty from who reads another
   */
  record Lap(long nanos, long cpuNanos, long requests, long bytes, String check) {
    double megabytesPerSecond() {
      return bytes * 1e3 / nanos;
    }

    double cpuMicrosPerRead() {
      return cpuNanos / 1e3 / requests;
    }
  }
}
