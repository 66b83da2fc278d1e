package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.Manifest.FileEntry;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.lmdbjava.LmdbException;

/**
 * Builds a store in a temporary folder beside the target. Nothing is visible under the target's name until {@link
 * #publish}, and then everything is. Any order of calls will do, except that layers come in ascending order. Writing goes
 * on behind the calls: its failure shows at the next one that writes, at the latest at {@link #publish}. A failed
 * write removes the temporary folder at once and the writer can only be closed. A kill leaves the temporary folder to the
 * next writer of the same target, which goes on with it if both are {@link #resumable}. Used by one thread.
 *
 * <p>Beside what is written, memory holds the orders and blobs until they are published, and one layer with {@link
 * Container#LMDB}.
 */
public final class StoreWriter implements AutoCloseable {
  private static final int MAX_TOKENIZER_BYTES = 1 << 28;

  private static final Duration FLUSH_EVERY = Duration.ofSeconds(30);

  /** What the catalog needs at least, beside orders and checksums. */
  private static final long CATALOG_BYTES = 1 << 17;

  /**
   * How the bundles are laid out.
   *
   * @param strideBytes bytes of disk per neuron, padding included; 0 pads bundles that are just below whole pages to them,
   *     and no others; from 1 to a bundle means no padding; for SPLIT divided evenly over the parts
   */
  public record Options(
      Container container, Arrangement arrangement, int strideBytes, Existing existing) {
    public Options {
      Objects.requireNonNull(container, "container");
      Objects.requireNonNull(arrangement, "arrangement");
      Objects.requireNonNull(existing, "existing");
    }

    /** The same with another stride. */
    public Options withStride(int otherBytes) {
      return new Options(container, arrangement, otherBytes, existing);
    }

    /** One file, bundled, padded only to reach whole pages that are near, never replacing. */
    public static final Options DEFAULT =
        new Options(Container.FILE, Arrangement.BUNDLED, 0, Existing.REFUSE);
  }

  /**
   * What is there when a writer begins.
   *
   * @param tensors resident tensors, in the order in which they were written
   * @param layers layers with their bundles
   */
  public record Written(List<DenseTensor> tensors, int layers) {
    private static final Written NOTHING = new Written(List.of(), 0);

    public Written {
      tensors = List.copyOf(tensors);
    }
  }

  private enum State {
    OPEN,
    PUBLISHED,
    CLOSED
  }

  private final ModelSpec spec;
  private final Options options;
  private final LayerGeometry geometry;
  private final LayerPacker packer;
  private final StagingFolder staging;
  private final DenseFile dense;
  private final LayerBodies bodies;
  private final Optional<Keeper> keeper;
  private final Written written;
  private final List<int[]> orders = new ArrayList<>();
  private final SortedMap<String, byte[]> blobs = new TreeMap<>();
  private byte[] tokenizer;
  private Provenance provenance = Provenance.NONE;
  private State state = State.OPEN;

  private StoreWriter(
      ModelSpec spec,
      Options options,
      LayerGeometry geometry,
      StagingFolder staging,
      DenseFile dense,
      LayerBodies bodies,
      Optional<Keeper> keeper,
      Written written) {
    this.spec = spec;
    this.options = options;
    this.geometry = geometry;
    this.packer = new LayerPacker(geometry, spec.bundleBytes());
    this.staging = staging;
    this.dense = dense;
    this.bodies = bodies;
    this.keeper = keeper;
    this.written = written;
    for (int layer = 0; layer < written.layers(); layer++) {
      orders.add(identity());
    }
  }

  /**
   * Starts a store.
   *
   * @param target the store's folder, by convention {@code NAME.sluice}; the folder above it must exist
   * @throws BadInputException if the target exists and may not be replaced, or the shapes are out of bounds
   * @throws FaultException if the disk has too little space or cannot be written
   */
  public static StoreWriter create(Path target, ModelSpec spec, Options options) {
    SpecFormat.check(target, spec);
    LayerGeometry geometry =
        LayerGeometry.of(spec, options.arrangement(), options.strideBytes());
    StagingFolder staging =
        StagingFolder.create(target, options.existing(), neededBytes(spec, geometry));
    SequentialFile dense = null;
    try {
      dense = SequentialFile.create(staging.file(StoreFormat.DENSE));
      Path ffnFile = staging.file(StoreFormat.ffnFile(options.container()));
      LayerBodies bodies =
          switch (options.container()) {
            case FILE -> switch (options.arrangement()) {
              case BUNDLED -> new FileLayerBodies(SequentialFile.create(ffnFile), spec.layers(),
                  geometry.bodyBytes());
              case SPLIT -> new SplitLayerBodies(ffnFile, spec.layers(), geometry.bodyBytes());
            };
            case LMDB -> new LmdbLayerBodies(ffnFile, spec.layers(), geometry.bodyBytes());
          };
      return new StoreWriter(spec, options, geometry, staging, new DenseFile(dense, List.of()),
          bodies, Optional.empty(), Written.NOTHING);
    } catch (IOException | RuntimeException e) {
      throw failedStart(e, staging, dense);
    }
  }

  /**
   * Starts a store that {@link #keep} makes safe from a kill step by step, or goes on with what a killed writer of the
   * same source left. Layers come in the checkpoint's order, and what {@link #written} names is not written again. What a
   * leftover holds is read and compared with its digests first. Only for container FILE and arrangement BUNDLED; others
   * start anew, as with {@link #create}.
   *
   * @param source tells the checkpoint from every other, and from an earlier state of itself
   * @param notices hears, in one line, of going on or of a leftover that cannot be used
   */
  public static StoreWriter resumable(
      Path target, ModelSpec spec, Options options, String source, Consumer<String> notices) {
    return resumable(target, spec, options, source, notices, FLUSH_EVERY);
  }

  /** @param flushEvery a {@link #keep} this long after the last flush flushes */
  static StoreWriter resumable(
      Path target, ModelSpec spec, Options options, String source, Consumer<String> notices,
      Duration flushEvery) {
    if (options.container() != Container.FILE || options.arrangement() != Arrangement.BUNDLED) {
      return create(target, spec, options);
    }
    SpecFormat.check(target, spec);
    LayerGeometry geometry =
        LayerGeometry.of(spec, options.arrangement(), options.strideBytes());
    String plan = Journal.plan(source, spec, options);
    StagingFolder staging =
        StagingFolder.createOrAdopt(
            target, options.existing(), neededBytes(spec, geometry),
            leftover -> ResumableFiles.isUsable(leftover, plan, notices));
    try {
      ResumableFiles files =
          ResumableFiles.open(staging, spec, geometry, plan, notices);
      Journal.State state = files.journal().state();
      return new StoreWriter(
          spec, options, geometry, staging, new DenseFile(files.dense(), state.tensors()),
          new FileLayerBodies(files.ffn(), spec.layers(), geometry.bodyBytes()),
          Optional.of(new Keeper(files.journal(), files.dense(), files.ffn(), flushEvery)),
          new Written(state.tensors(), state.layers()));
    } catch (IOException | RuntimeException e) {
      throw failedStart(e, staging, null);
    }
  }

  private static RuntimeException failedStart(
      Exception e, StagingFolder staging, SequentialFile dense) {
    FaultException fault = staging.writeFault(e);
    discard(fault, dense, staging::remove);
    return e instanceof BadInputException bad ? bad : fault;
  }

  /** What a killed writer had written; nothing unless this one is {@link #resumable} and goes on with it. */
  public Written written() {
    return written;
  }

  /**
   * Makes what was written so far safe from a kill, on another thread, and from a power cut if the last time that it did so
   * was half a minute ago; without effect unless {@link #resumable}. Waits for the call before, so that little is ever
   * unsafe.
   */
  public void keep() {
    checkOpen();
    if (keeper.isPresent()) {
      try {
        keeper.get().keep(dense.tensors(), orders.size());
      } catch (IOException e) {
        throw abandoned(staging.writeFault(e));
      }
    }
  }

  /** Keeps the checkpoint's tokenizer.json as it is. */
  public void tokenizerJson(byte[] json) {
    checkOpen();
    if (json.length == 0 || json.length > MAX_TOKENIZER_BYTES) {
      throw new BadInputException(
          "tokenizer.json", "has " + json.length + " bytes", "check the checkpoint");
    }
    tokenizer = json.clone();
  }

  /**
   * Keeps anything under a name.
   *
   * @param key 1 to 200 letters, digits and {@code . _ / = + -}; used once
   */
  public void blob(String key, byte[] value) {
    checkOpen();
    if (!StoreFormat.BLOB_KEY.matcher(key).matches() || value.length == 0) {
      throw new IllegalArgumentException("blob '" + key + "' of " + value.length + " bytes");
    }
    if (blobs.putIfAbsent(key, value.clone()) != null) {
      throw new IllegalArgumentException("blob '" + key + "' is there already");
    }
  }

  public void provenance(Provenance value) {
    checkOpen();
    provenance = Objects.requireNonNull(value);
  }

  /**
   * Appends a resident tensor.
   *
   * @param name canonical name, used once
   * @param shape extents, outermost first
   * @param data row-major, exactly as many bytes as shape and type say; heap or native
   */
  public void dense(String name, TensorType type, List<Integer> shape, MemorySegment data) {
    checkOpen();
    try {
      dense.append(name, type, shape, data);
    } catch (IOException e) {
      throw abandoned(staging.writeFault(e));
    }
  }

  /**
   * As the other one, of a tensor that need not be in memory as a whole.
   *
   * @param pieces its bytes, in order; each is asked for when the one before is copied. If one cannot be had, the writer can
   *     only be closed
   */
  public void dense(
      String name, TensorType type, List<Integer> shape, Iterator<MemorySegment> pieces) {
    checkOpen();
    try {
      dense.append(name, type, shape, pieces);
    } catch (IOException e) {
      throw abandoned(staging.writeFault(e));
    }
  }

  /**
   * Writes the next layer's bundles.
   *
   * @param layer 0 first, then one more each time
   * @param order disk position → neuron, a permutation of d_ff; copied
   * @param source asked for every neuron once, in disk order
   */
  public void ffnLayer(int layer, int[] order, NeuronSource source) {
    checkOpen();
    if (layer != orders.size() || layer >= spec.layers()) {
      throw new IllegalArgumentException(
          "layer " + layer + " of " + spec.layers() + " after " + orders.size() + " layers");
    }
    if (order.length != spec.feedForward() || !Catalog.isPermutation(order)) {
      throw new IllegalArgumentException(
          "the order of layer " + layer + " is no permutation of " + spec.feedForward());
    }
    if (keeper.isPresent() && !Arrays.equals(order, identity())) {
      throw new IllegalArgumentException("a resumable writer takes the checkpoint's order");
    }
    int[] copy = order.clone();
    try {
      bodies.write(layer, body -> packer.pack(copy, source, body));
    } catch (LayerPacker.SourceException e) {
      throw abandoned(
          new FaultException(
              "layer " + layer + " of the source",
              "cannot be read (" + e.getMessage() + ")",
              "check the checkpoint",
              e));
    } catch (IOException | LmdbException e) {
      throw abandoned(staging.writeFault(e));
    }
    orders.add(copy);
  }

  /**
   * Computes checksums, writes catalog and MANIFEST, flushes everything to the device, opens the result once to be sure
   * of it, and gives it the target's name in one step.
   *
   * @throws IllegalStateException if layers are missing
   * @throws BadInputException if the target has come into being meanwhile and may not be replaced
   */
  public void publish() {
    checkOpen();
    if (orders.size() != spec.layers()) {
      throw new IllegalStateException(orders.size() + " of " + spec.layers() + " layers written");
    }
    try {
      keep();
      List<DenseTensor> tensors = dense.finish();
      long[] bodyOffsets = bodies.finish();
      if (keeper.isPresent()) {
        keeper.get().await();
        keeper.get().close();
      }
      finishFiles(tensors, bodyOffsets);
      dense.close();
      bodies.close();
      packer.close();
      try (Store check = Store.open(staging.folder())) {
        check.digest();
      }
      Files.deleteIfExists(staging.file(StoreFormat.JOURNAL));
      staging.publish();
      state = State.PUBLISHED;
    } catch (IOException | LmdbException e) {
      throw abandoned(staging.writeFault(e));
    } catch (BadInputException | FaultException e) {
      throw abandoned(e);
    }
  }

  /** Weights reach the device while the catalog is made. */
  private void finishFiles(List<DenseTensor> tensors, long[] bodyOffsets) throws IOException {
    try (ExecutorService beside =
        Executors.newSingleThreadExecutor(
            Thread.ofPlatform().name("sluice-force").daemon().factory())) {
      CompletableFuture<Void> forced = CompletableFuture.runAsync(this::force, beside);
      writeCatalog(tensors, bodyOffsets);
      SequentialFile.join(forced);
    }
  }

  private void force() {
    try {
      dense.force();
      bodies.force();
    } catch (IOException e) {
      throw new CompletionException(e);
    }
  }

  private void writeCatalog(List<DenseTensor> tensors, long[] bodyOffsets) throws IOException {
    String ffnName = StoreFormat.ffnFile(options.container());
    FileScan.Summary denseSummary = dense.summary();
    Optional<FileScan.Summary> known = bodies.summary();
    FileScan.Summary ffnSummary = known.isPresent() ? known.get() : summarise(ffnName);
    List<List<FfnLayout.Part>> layers = new ArrayList<>();
    for (long offset : bodyOffsets) {
      layers.add(geometry.at(offset));
    }
    Catalog catalog =
        new Catalog(
            spec,
            Optional.ofNullable(tokenizer),
            tensors,
            layers,
            orders,
            denseSummary.checksums(),
            ffnSummary.checksums(),
            blobs);
    Path catalogFile = staging.file(StoreFormat.CATALOG);
    CatalogWriter.write(catalogFile, catalog.encode());
    SortedMap<String, FileEntry> files = new TreeMap<>();
    files.put(StoreFormat.DENSE, new FileEntry(denseSummary.bytes(), denseSummary.sha256()));
    files.put(ffnName, new FileEntry(ffnSummary.bytes(), ffnSummary.sha256()));
    try (FileChannel channel = FileChannel.open(catalogFile, StandardOpenOption.READ)) {
      long bytes = channel.size();
      String sha256 = FileScan.sha256(catalogFile, channel, bytes, FileScan.ChunkVisitor.NONE);
      files.put(StoreFormat.CATALOG, new FileEntry(bytes, sha256));
    }
    byte[] manifest =
        Manifest.encode(options.container(), options.arrangement(), files, provenance);
    try (FileChannel channel =
        FileChannel.open(
            staging.file(StoreFormat.MANIFEST),
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE)) {
      SequentialFile.writeFully(channel, 0, MemorySegment.ofArray(manifest));
      channel.force(true);
    }
  }

  private FileScan.Summary summarise(String name) throws IOException {
    Path file = staging.file(name);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return FileScan.summarise(file, channel);
    }
  }

  /** Without {@link #publish}, removes everything that was written. Can be called again. */
  @Override
  public void close() {
    if (state == State.OPEN) {
      FaultException fault =
          new FaultException(staging.folder(), "cannot be removed", "delete it by hand");
      discardAll(fault);
      if (fault.getSuppressed().length > 0) {
        throw fault;
      }
    }
  }

  /** Removes everything after a failure; what else goes wrong is attached to it. */
  private <E extends RuntimeException> E abandoned(E failure) {
    discardAll(failure);
    return failure;
  }

  private void discardAll(RuntimeException failure) {
    state = State.CLOSED;
    discard(failure, keeper.orElse(null), dense, bodies, packer, staging::remove);
  }

  private static void discard(RuntimeException failure, AutoCloseable... resources) {
    for (AutoCloseable resource : resources) {
      try {
        if (resource != null) {
          resource.close();
        }
      } catch (Exception e) {
        failure.addSuppressed(e);
      }
    }
  }

  private int[] identity() {
    return IntStream.range(0, spec.feedForward()).toArray();
  }

  private void checkOpen() {
    if (state != State.OPEN) {
      throw new IllegalStateException("the writer is " + state);
    }
  }

  /** What the store will take on disk at least: exact for bundles, an estimate for the rest. */
  private static long neededBytes(ModelSpec spec, LayerGeometry geometry) {
    long layers = spec.layers();
    long attention =
        2L * spec.hidden() * spec.headSize() * ((long) spec.heads() + spec.kvHeads());
    long heads = spec.head() == ModelSpec.HeadKind.TIED ? 1 : 2;
    // Resident tensors are about as wide as the bundles' elements.
    double elementBytes = (double) spec.bundleBytes() / spec.rowsPerNeuron() / spec.hidden();
    long dense =
        (long) (elementBytes * (layers * attention + heads * spec.vocabulary() * spec.hidden()));
    if (spec.hasResidentGate()) {
      dense += layers * spec.feedForward() * spec.bundle().gateBytes(spec.hidden());
    }
    long ffn = layers * geometry.bodyBytes();
    long orders = layers * spec.feedForward() * Integer.BYTES;
    long checksums = (dense + ffn) / StoreFormat.PAGE_BYTES * Integer.BYTES;
    return ffn + dense + orders + checksums + CATALOG_BYTES;
  }
}
