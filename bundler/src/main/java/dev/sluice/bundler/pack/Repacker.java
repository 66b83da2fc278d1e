package dev.sluice.bundler.pack;

import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Provenance;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.stream.IntStream;

/** Writes a store again in another container, arrangement, width or order, with all that its catalog knows. */
public final class Repacker {
  private Repacker() {}

  /** The order of the copy. */
  public enum Rearrangement {
    /** As in the store. */
    KEEP,
    /** Checkpoint order. */
    IDENTITY
  }

  /** Copies {@code store} to {@code target}; {@code progress} counts layers. */
  public static void repack(
      Store store, Path target, StoreWriter.Options options, Rearrangement rearrangement,
      ProgressListener progress) {
    int layers = store.spec().layers();
    try (Arena arena = Arena.ofConfined();
        StoreWriter writer = StoreWriter.create(target, store.spec(), options)) {
      ResidentCopy.copy(store, writer, arena);
      for (int layer = 0; layer < layers; layer++) {
        progress.progress(layer, layers);
        try (Arena layerArena = Arena.ofConfined()) {
          StoredLayer weights = StoredLayer.read(store, layer, layerArena);
          int[] order =
              rearrangement == Rearrangement.KEEP
                  ? store.order(layer)
                  : IntStream.range(0, store.spec().feedForward()).toArray();
          writer.ffnLayer(layer, order, weights::copyBundle);
        }
      }
      for (String key : store.blobKeys()) {
        writer.blob(key, store.blob(key).orElseThrow());
      }
      Provenance from = store.provenance();
      writer.provenance(
          new Provenance(
              from.source(),
              from.traceDigest(),
              rearrangement == Rearrangement.KEEP ? from.order() : "identity",
              from.seed(),
              from.notes()));
      writer.publish();
      progress.progress(layers, layers);
    }
  }
}
