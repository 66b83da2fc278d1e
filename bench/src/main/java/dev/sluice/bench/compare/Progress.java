package dev.sluice.bench.compare;

/** Hears what a long experiment is doing. */
public interface Progress {
  /** Ignores everything. */
  Progress SILENT = (stage, done, total) -> {};

  /** {@code done} of {@code total} steps of a stage. */
  void report(String stage, long done, long total);
}
