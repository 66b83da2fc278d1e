package dev.sluice.bench.papers;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Where a model comes from.
 *
 * @param store bundled, with thresholds
 * @param origin what it was bundled from, so that other predictors can be fitted; empty for the store's own only
 * @param expected figures of a reference to agree with
 */
public record ModelSource(
    String name, Path store, Optional<Origin> origin, Optional<Path> expected) {

  /**
   * @param imported store in checkpoint order
   * @param trace of that store
   */
  public record Origin(Path imported, Path trace) {}
}
