package dev.sluice.bench.io;

import java.nio.file.Path;

/** fio, which draws its own offsets: as many reads as the list has, of the size of its first. */
final class FioRacer implements Racer {
  private final Fio fio;
  private final Path file;
  private final int requestBytes;
  private final int inFlight;
  private long seed;

  FioRacer(Fio fio, Path file, int requestBytes, int inFlight) {
    this.fio = fio;
    this.file = file;
    this.requestBytes = requestBytes;
    this.inFlight = inFlight;
  }

  @Override
  public String name() {
    return "fio";
  }

  @Override
  public String greeting() {
    return fio.describe(requestBytes, inFlight);
  }

  @Override
  public boolean isWarm() {
    return true;
  }

  @Override
  public Lap run(ReadList list) {
    Fio.Job job = fio.randomReads(file, requestBytes, inFlight, list.bytes(), ++seed);
    long bytes = job.requests() * requestBytes;
    return new Lap(Math.round(bytes * 1e3 / job.megabytesPerSecond()),
        Math.round(job.cpuMicrosPerRead() * 1e3 * job.requests()), job.requests(), bytes, "");
  }

  @Override
  public void close() {
    // each run was a process of its own
  }
}
