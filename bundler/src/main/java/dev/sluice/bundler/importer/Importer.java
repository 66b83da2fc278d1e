package dev.sluice.bundler.importer;

import dev.sluice.bundler.checkpoint.Checkpoint;
import dev.sluice.bundler.checkpoint.DenseWeight;
import dev.sluice.bundler.checkpoint.FfnWeights;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Provenance;
import dev.sluice.storage.store.StoreWriter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.IntStream;

/** Writes a store in checkpoint order. Stateless; imports to different targets may run at once. */
public final class Importer {
  private Importer() {}

  /**
   * Imports a checkpoint, a folder or a GGUF file. All of it is checked before anything is written, except
   * that weights are finite, which shows as they are read; a failure at any point leaves the target
   * as it was and nothing beside it.
   *
   * <p>Takes native memory for the largest resident tensor, or the FFN of two layers and one of
   * their down matrices once more: the next layer is read on a thread of its own while one is written.
   *
   * @param storeTarget the store's folder; its parent must exist
   * @param progress hears bytes of weights read, of all
   * @throws BadInputException if the checkpoint cannot be used or the target is in the way
   * @throws dev.sluice.storage.FaultException if reading or writing fails
   */
  public static ImportReport importCheckpoint(
      Path checkpointPath,
      Path storeTarget,
      StoreWriter.Options options,
      ProgressListener progress) {
    requireApart(checkpointPath, storeTarget);
    try (Checkpoint checkpoint = Checkpoint.open(checkpointPath);
        StoreWriter writer = StoreWriter.create(storeTarget, checkpoint.spec(), options)) {
      ModelSpec spec = checkpoint.spec();
      checkpoint.tokenizerJson().ifPresent(writer::tokenizerJson);
      writer.provenance(provenance(checkpoint));
      long denseBytes = checkpoint.dense().stream().mapToLong(DenseWeight::bytes).sum();
      long totalBytes = denseBytes + spec.ffnBytes();
      long doneBytes = 0;
      for (DenseWeight weight : checkpoint.dense()) {
        try (Arena arena = Arena.ofConfined()) {
          writer.dense(
              weight.name(), weight.type(), weight.shape(), checkpoint.readDense(weight, arena));
        }
        doneBytes += weight.bytes();
        progress.progress(doneBytes, totalBytes);
      }
      int[] checkpointOrder = IntStream.range(0, spec.feedForward()).toArray();
      int scaleTensors = 0;
      try (LayerReadAhead layers = new LayerReadAhead(checkpoint)) {
        for (int layer = 0; layer < spec.layers(); layer++) {
          try (LayerReadAhead.Loaded loaded = layers.next()) {
            FfnWeights ffn = loaded.weights();
            for (FfnWeights.ColumnScales scales : ffn.scales()) {
              writer.dense(scales.name(), scales.type(), scales.shape(), scales.data());
              scaleTensors++;
              denseBytes += scales.data().byteSize();
            }
            writer.ffnLayer(layer, checkpointOrder, ffn::copyBundle);
          }
          doneBytes += spec.ffnBytes() / spec.layers();
          progress.progress(doneBytes, totalBytes);
        }
      }
      writer.publish();
      return new ImportReport(
          storeTarget,
          spec,
          checkpoint.dense().size() + scaleTensors,
          denseBytes,
          spec.ffnBytes(),
          checkpoint.ignoredTensors(),
          checkpoint.notes());
    }
  }

  private static Provenance provenance(Checkpoint checkpoint) {
    String source = checkpoint.path().toAbsolutePath().normalize().toString();
    return new Provenance(
        source, "", "identity", 0, Map.of("config_sha256", checkpoint.configDigest()));
  }

  /** Replacing a store must never replace the checkpoint, or a folder that holds it. */
  private static void requireApart(Path checkpointPath, Path storeTarget) {
    try {
      Path source = checkpointPath.toRealPath();
      Path target = storeTarget.toRealPath();
      if (source.startsWith(target)) {
        throw new BadInputException(
            storeTarget, "it holds the checkpoint itself", "name another folder for the store");
      }
    } catch (IOException e) {
      // One of them does not exist: nothing to protect, and whoever needs it says so.
      return;
    }
  }
}
