package dev.sluice.bundler.importer;

import dev.sluice.storage.store.ModelSpec;
import java.nio.file.Path;
import java.util.List;

/**
 * What an import made.
 *
 * @param denseBytes bytes of the resident tensors
 * @param ffnBytes bytes of the bundles, without padding
 * @param ignoredTensors names of checkpoint tensors that the model does not use
 * @param notes what is not in the store as it was in the checkpoint, one clause each
 */
public record ImportReport(
    Path store,
    ModelSpec spec,
    int denseTensors,
    long denseBytes,
    long ffnBytes,
    List<String> ignoredTensors,
    List<String> notes) {
  public ImportReport {
    ignoredTensors = List.copyOf(ignoredTensors);
    notes = List.copyOf(notes);
  }
}
