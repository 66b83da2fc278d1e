package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The open files of a resumable {@link StoreWriter}, new or what a killed one left: the last state that its {@link Journal}
 * tells of, if digests agree, else the last one that was flushed, else none.
 */
record ResumableFiles(Journal journal, SequentialFile dense, SequentialFile ffn)
    implements AutoCloseable {
  /** Whether a killed writer's folder is one to go on with, for a writer of {@code plan}; says so if it is not. */
  static boolean isUsable(Path leftover, String plan, Consumer<String> notices) {
    if (Files.notExists(leftover.resolve(StoreFormat.JOURNAL))) {
      return false; // of a writer that was not resumable
    }
    Optional<String> left = Journal.planIn(leftover);
    if (left.isPresent() && left.get().equals(plan)) {
      return true;
    }
    notices.accept(
        "starting anew: what a killed writer left in " + leftover.getFileName()
            + (left.isPresent() ? " is of another source, an earlier state of it, or other options"
                : " has a damaged journal"));
    return false;
  }

  /** Those that a killed writer left, as far as they are sound, else new ones. */
  static ResumableFiles open(
      StagingFolder staging, ModelSpec spec, LayerGeometry geometry, String plan,
      Consumer<String> notices) throws IOException {
    if (staging.origin() == StagingFolder.Origin.ADOPTED) {
      try {
        ResumableFiles resumed = goOn(staging, geometry, notices);
        Journal.State state = resumed.journal().state();
        if (!state.tensors().isEmpty() || state.layers() > 0) {
          notices.accept(
              "going on where a killed writer stopped: " + state.layers() + " of " + spec.layers()
                  + " layers and " + state.tensors().size() + " resident tensors are there");
        }
        return resumed;
      } catch (BadInputException | FaultException | IOException e) {
        notices.accept("starting anew: what a killed writer left is damaged (" + e.getMessage()
            + ")");
        staging.empty();
      }
    }
    // The journal comes last: a folder without one is not gone on with.
    SequentialFile dense = SequentialFile.create(staging.file(StoreFormat.DENSE));
    try {
      SequentialFile ffn =
          SequentialFile.create(staging.file(StoreFormat.ffnFile(Container.FILE)));
      try {
        return new ResumableFiles(
            Journal.start(staging.file(StoreFormat.JOURNAL), plan), dense, ffn);
      } catch (IOException e) {
        ffn.close();
        throw e;
      }
    } catch (IOException e) {
      dense.close();
      throw e;
    }
  }

  /** What outlives a power cut, if that was it and what came later did not. */
  private static ResumableFiles goOn(
      StagingFolder staging, LayerGeometry geometry, Consumer<String> notices)
      throws IOException {
    Files.deleteIfExists(staging.file(StoreFormat.MANIFEST));
    Files.deleteIfExists(staging.file(StoreFormat.CATALOG));
    try {
      return goOn(staging, geometry, Journal.Danger.KILL);
    } catch (BadInputException | FaultException later) {
      ResumableFiles flushed;
      try {
        flushed = goOn(staging, geometry, Journal.Danger.POWER_CUT);
      } catch (BadInputException | FaultException earlier) {
        later.addSuppressed(earlier);
        throw later;
      }
      if (flushed.journal().state().equals(Journal.State.START)) {
        flushed.close();
        throw later;
      }
      notices.accept(
          "what was written last is damaged or did not reach the device (" + later.getMessage()
              + ")");
      return flushed;
    }
  }

  /** Opens what a killed writer left, cut to what its journal answers for, and compares digests. */
  private static ResumableFiles goOn(StagingFolder staging, LayerGeometry geometry,
      Journal.Danger danger)
      throws IOException {
    Journal journal = Journal.resume(staging.file(StoreFormat.JOURNAL), danger);
    SequentialFile dense = null;
    SequentialFile ffn = null;
    try {
      Journal.State state = journal.state();
      dense =
          resumed(staging.file(StoreFormat.DENSE), state.denseBytes(), state.denseSha256());
      ffn =
          resumed(
              staging.file(StoreFormat.ffnFile(Container.FILE)),
              state.layers() * geometry.bodyBytes(), state.ffnSha256());
      dense.cut();
      ffn.cut();
      return new ResumableFiles(journal, dense, ffn);
    } catch (IOException | RuntimeException e) {
      journal.close();
      if (dense != null) {
        dense.close();
      }
      if (ffn != null) {
        ffn.close();
      }
      throw e;
    }
  }

  private static SequentialFile resumed(Path file, long bytes, String sha256) throws IOException {
    SequentialFile resumed = SequentialFile.resume(file, bytes);
    if (!resumed.sha256().equals(sha256)) {
      resumed.close();
      throw new FaultException(
          file.getFileName(), "does not match its digest", "it is written again");
    }
    return resumed;
  }

  @Override
  public void close() throws IOException {
    try (journal;
        dense) {
      ffn.close();
    }
  }
}
