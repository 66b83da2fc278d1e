package dev.sluice.bench.io;

import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/**
 * A race of readers.
 *
 * @param folder on the disk to be read; the file of random bytes is made there and kept
 * @param courses what is read; misses only if {@code misses} says which
 * @param misses of which store and trace
 * @param guest who else reads, if installed
 */
public record RacePlan(
    Path folder, long fileBytes, int rounds, int tokens, Set<Kind> courses,
    Optional<Misses> misses, Guest guest) {
  public RacePlan {
    courses = Set.copyOf(courses);
  }

  /** Kinds of lists. */
  public enum Kind {
    RANDOM,
    MISSES
  }

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
