package dev.sluice.bench.io;

import java.nio.file.Path;
import java.util.Optional;

/**
 * A race of readers.
 *
 * @param folder on the disk to be read; the file of random bytes is made there and kept
 * @param misses also read what the tokens of a trace miss
 * @param guest who else reads, if installed
 */
public record RacePlan(
    Path folder, long fileBytes, int rounds, int tokens, Optional<Misses> misses, Guest guest) {

  /**
   * @param store bundled from the trace
   * @param strideBytes what bundles are padded to; 0 leaves them as they are
   */
  public record Misses(Path store, Path trace, int strideBytes) {}

  /** Another program that reads. */
  public enum Guest {
    NONE,
    FIO
  }
}
