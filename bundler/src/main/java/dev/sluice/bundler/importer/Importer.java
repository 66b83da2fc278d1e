package dev.sluice.bundler.importer;

import dev.sluice.bundler.checkpoint.Checkpoint;
import dev.sluice.bundler.checkpoint.DenseWeight;
import dev.sluice.bundler.checkpoint.FfnWeights;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Provenance;
import dev.sluice.storage.store.StoreWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Writes a store in checkpoint order. Stateless; imports to different targets may run at once. */
public final class Importer {
  /** How many bytes of resident tensors a kill may cost. */
  private static final long KEEP_BYTES = 1 << 26;

  /** How much of a resident tensor is read at a time. */
  private static final long PIECE_BYTES = 1 << 23;

  private Importer() {}

  /** As the other one, whose notices nobody hears. */
  public static ImportReport importCheckpoint(
      Path checkpointPath,
      Path storeTarget,
      StoreWriter.Options options,
      ProgressListener progress) {
    return importCheckpoint(checkpointPath, storeTarget, options, progress, notice -> {});
  }

  /**
   * Imports a checkpoint, a folder or a GGUF file. All of it is checked before anything is written, except
   * that weights are finite, which shows as they are read, and the tokenizer, which another thread looks at meanwhile; a
   * failure at any point leaves the target as it was and nothing beside it. A kill leaves what was written to the next import
   * of the same checkpoint, in the same state, to the same target with the same options: it goes on with the next layer.
   *
   * <p>Takes native memory for the FFN of three layers with their down matrices once more, or the largest resident tensor
   * whose rows must change places: the next two layers are read and turned while one is written.
   *
   * @param storeTarget the store's folder; its parent must exist
   * @param progress hears bytes of weights in the store, of all
   * @param notices hears, in one line, of going on after a kill
   * @throws BadInputException if the checkpoint cannot be used or the target is in the way
   * @throws dev.sluice.storage.FaultException if reading or writing fails
   */
  public static ImportReport importCheckpoint(
      Path checkpointPath,
      Path storeTarget,
      StoreWriter.Options options,
      ProgressListener progress,
      Consumer<String> notices) {
    try (Checkpoint checkpoint = Checkpoint.open(checkpointPath)) {
      return importCheckpoint(checkpoint, storeTarget, options, json -> {}, progress, notices);
    }
  }

  /**
   * As the other one, of a checkpoint that is open, and stays so.
   *
   * @param tokenizerCheck looks at the tokenizer.json, if there is one, on another thread while weights are written; what
   *     it throws ends the import; must not change it
   */
  public static ImportReport importCheckpoint(
      Checkpoint checkpoint,
      Path storeTarget,
      StoreWriter.Options options,
      Consumer<byte[]> tokenizerCheck,
      ProgressListener progress,
      Consumer<String> notices) {
    requireApart(checkpoint.path(), storeTarget);
    try (ExecutorService beside =
        Executors.newSingleThreadExecutor(
            Thread.ofPlatform().name("sluice-tokenizer").daemon().factory());
        StoreWriter writer =
            StoreWriter.resumable(
                storeTarget, checkpoint.spec(), options, checkpoint.identity(), notices)) {
      Future<Optional<byte[]>> tokenizer =
          beside.submit(() -> tokenizer(checkpoint, tokenizerCheck));
      writer.provenance(provenance(checkpoint));
      Resident resident =
          new Work(
              checkpoint, writer,
              (done, total) -> {
                FutureResult.requireNotFailed(tokenizer);
                progress.progress(done, total);
              })
              .all();
      FutureResult.of(tokenizer).ifPresent(writer::tokenizerJson);
      writer.publish();
      return new ImportReport(
          storeTarget,
          checkpoint.spec(),
          resident.tensors(),
          resident.bytes(),
          checkpoint.spec().ffnBytes(),
          checkpoint.ignoredTensors(),
          checkpoint.notes());
    }
  }

  private static Optional<byte[]> tokenizer(Checkpoint checkpoint, Consumer<byte[]> check) {
    Optional<byte[]> json = checkpoint.tokenizerJson();
    json.ifPresent(check);
    return json;
  }

  /** Resident tensors in the store, those of columns among them. */
  private record Resident(int tensors, long bytes) {}

  /** The writing of weights that are not written yet. */
  private static final class Work {
    private final Checkpoint checkpoint;
    private final StoreWriter writer;
    private final ProgressListener progress;
    private final Set<String> written;
    private final long totalBytes;
    private int residentTensors;
    private long residentBytes;
    private long doneBytes;

    Work(Checkpoint checkpoint, StoreWriter writer, ProgressListener progress) {
      this.checkpoint = checkpoint;
      this.writer = writer;
      this.progress = progress;
      this.written =
          writer.written().tensors().stream().map(DenseTensor::name).collect(Collectors.toSet());
      this.totalBytes =
          checkpoint.dense().stream().mapToLong(DenseWeight::bytes).sum()
              + checkpoint.spec().ffnBytes();
      this.residentTensors = written.size();
      this.residentBytes = writer.written().tensors().stream().mapToLong(DenseTensor::bytes).sum();
    }

    Resident all() {
      dense();
      layers();
      return new Resident(residentTensors, residentBytes);
    }

    private void dense() {
      List<DenseWeight> missing = new ArrayList<>();
      List<Function<SegmentAllocator, MemorySegment>> reads = new ArrayList<>();
      for (DenseWeight weight : checkpoint.dense()) {
        if (written.contains(weight.name())) {
          done(weight.bytes());
        } else {
          missing.add(weight);
          int rows = pieceRows(weight);
          for (int row = 0; row < weight.rows(); row += rows) {
            int first = row;
            int some = Math.min(rows, weight.rows() - row);
            reads.add(memory -> checkpoint.readDense(weight, first, some, memory));
          }
        }
      }
      long keptBytes = residentBytes;
      try (ReadAhead<MemorySegment> pieces = new ReadAhead<>(reads)) {
        for (DenseWeight weight : missing) {
          writer.dense(weight.name(), weight.type(), weight.shape(), pieces(weight, pieces));
          count(weight.bytes());
          if (residentBytes - keptBytes >= KEEP_BYTES) {
            writer.keep();
            keptBytes = residentBytes;
          }
        }
      }
      writer.keep();
    }

    private static int pieceRows(DenseWeight weight) {
      long rowBytes = weight.bytes() / weight.rows();
      return (int) Math.clamp(PIECE_BYTES / rowBytes, weight.rowsTogether(), weight.rows());
    }

    /** As many of the pieces that are read as make up a tensor. */
    private Iterator<MemorySegment> pieces(
        DenseWeight weight, ReadAhead<MemorySegment> pieces) {
      return IntStream.range(0, Math.ceilDiv(weight.rows(), pieceRows(weight)))
          .mapToObj(
              i -> {
                MemorySegment piece = pieces.next();
                done(piece.byteSize());
                return piece;
              })
          .iterator();
    }

    private void layers() {
      ModelSpec spec = checkpoint.spec();
      long layerBytes = spec.ffnBytes() / spec.layers();
      int[] checkpointOrder = IntStream.range(0, spec.feedForward()).toArray();
      int first = writer.written().layers();
      doneBytes += first * layerBytes;
      List<Function<SegmentAllocator, FfnWeights>> reads = new ArrayList<>();
      for (int i = first; i < spec.layers(); i++) {
        int layer = i;
        reads.add(memory -> checkpoint.readFfn(layer, memory));
      }
      try (ReadAhead<FfnWeights> layers = new ReadAhead<>(reads)) {
        for (int layer = first; layer < spec.layers(); layer++) {
          FfnWeights ffn = layers.next();
          for (FfnWeights.ColumnScales scales : ffn.scales()) {
            writer.dense(scales.name(), scales.type(), scales.shape(), scales.data());
            count(scales.data().byteSize());
          }
          writer.ffnLayer(layer, checkpointOrder, ffn::copyBundle);
          writer.keep();
          done(layerBytes);
        }
      }
    }

    private void count(long bytes) {
      residentTensors++;
      residentBytes += bytes;
    }

    private void done(long bytes) {
      doneBytes += bytes;
      progress.progress(doneBytes, totalBytes);
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
