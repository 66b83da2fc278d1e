package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.Manifest.FileEntry;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.lmdbjava.LmdbException;

/**
 * Builds a store in a temporary folder beside the target. Nothing is visible under the target's name until {@link
 * #publish}, and then everything is. Any order of calls will do, except that layers come in ascending order. A failed
 * write removes the temporary folder at once and the writer can only be closed. Used by one thread.
 *
 * <p>Beside what is written, memory holds the orders and blobs until they are published, and one layer with {@link
 * Container#LMDB}.
 */
public final class StoreWriter implements AutoCloseable {
  private static final int MAX_TOKENIZER_BYTES = 1 << 28;

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

    /** One file, bundled, padded only to reach whole pages that are near, never replacing. */
    public static final Options DEFAULT =
        new Options(Container.FILE, Arrangement.BUNDLED, 0, Existing.REFUSE);
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
      LayerBodies bodies) {
    this.spec = spec;
    this.options = options;
    this.geometry = geometry;
    this.packer = new LayerPacker(geometry, spec.bundleBytes());
    this.staging = staging;
    this.dense = dense;
    this.bodies = bodies;
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
    DenseFile dense = null;
    try {
      dense = new DenseFile(staging.file(StoreFormat.DENSE));
      Path ffnFile = staging.file(StoreFormat.ffnFile(options.container()));
      LayerBodies bodies =
          switch (options.container()) {
            case FILE -> new FileLayerBodies(ffnFile, spec.layers(), geometry.bodyBytes());
            case LMDB -> new LmdbLayerBodies(ffnFile, spec.layers(), geometry.bodyBytes());
          };
      return new StoreWriter(spec, options, geometry, staging, dense, bodies);
    } catch (IOException | RuntimeException e) {
      FaultException fault = staging.writeFault(e);
      discard(fault, dense, staging::remove);
      throw e instanceof BadInputException bad ? bad : fault;
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
      List<DenseTensor> tensors = dense.finish();
      dense.close();
      long[] bodyOffsets = bodies.finish();
      bodies.close();
      packer.close();
      finishFiles(tensors, bodyOffsets);
      try (Store check = Store.open(staging.folder())) {
        check.digest();
      }
      staging.publish();
      state = State.PUBLISHED;
    } catch (IOException | LmdbException e) {
      throw abandoned(staging.writeFault(e));
    } catch (BadInputException | FaultException e) {
      throw abandoned(e);
    }
  }

  private void finishFiles(List<DenseTensor> tensors, long[] bodyOffsets) throws IOException {
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
      FileLayerBodies.writeFully(channel, 0, MemorySegment.ofArray(manifest));
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
    discard(failure, dense, bodies, packer, staging::remove);
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
