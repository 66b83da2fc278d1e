package dev.sluice.storage.store;

/** Hears how far a long pass over files has come. Called on the thread that does the work. */
@FunctionalInterface
public interface ProgressListener {
  /** Ignores everything. */
  ProgressListener SILENT = (doneBytes, totalBytes) -> {};

  void progress(long doneBytes, long totalBytes);
}
