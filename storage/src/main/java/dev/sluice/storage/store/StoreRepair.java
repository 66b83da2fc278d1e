package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;

/**
 * Writes damaged pages of a store anew from what it was made of. A page is written only when the source's bytes match the
 * checksum that the catalog has for it, and of a layer only if all its pages do, so that no other source can change a store.
 * Sound pages are never touched: a crash at any moment leaves fewer damaged pages or as many, and the same call goes on.
 * Whoever has the store open reads on; a page under repair fails its checksum until it is whole.
 *
 * <p>MANIFEST and catalog cannot be repaired, for they are what all else is compared with. Used by one thread; takes memory
 * for the body of one layer.
 */
public final class StoreRepair {
  private static final int PAGE_BYTES = StoreFormat.PAGE_BYTES;

  /** What a store was made of. */
  public interface Source {
    /** How messages name it. */
    Object name();

    /** Its shape; a store of another one cannot be repaired from it. */
    ModelSpec spec();

    /** The bytes of a resident tensor; empty if it has none of that name. */
    Optional<MemorySegment> tensor(DenseTensor tensor, SegmentAllocator memory);

    /** A layer's bundles; valid as long as {@code memory} is. */
    NeuronSource layer(int layer, SegmentAllocator memory);
  }

  /**
   * What came of it.
   *
   * @param pages written anew
   * @param before what was wrong
   * @param after what is wrong now
   */
  public record Outcome(long pages, StoreSurvey.Report before, StoreSurvey.Report after) {}

  private final StoreSurvey survey;
  private final Manifest manifest;
  private final Catalog catalog;
  private final Path folder;
  private final Source source;
  private long written; // pages
  private Arena heldArena = Arena.ofShared();
  private DenseTensor heldTensor; // none yet
  private Optional<MemorySegment> held = Optional.empty();

  private StoreRepair(StoreSurvey survey, Source source) {
    this.survey = survey;
    this.manifest = survey.manifest();
    this.folder = survey.report().folder();
    this.source = source;
    this.catalog =
        survey.catalog().orElseThrow(
            () -> new FaultException(
                folder.resolve(StoreFormat.CATALOG),
                "is damaged, and it holds what pages are compared with",
                "import the model again, and bundle it if it was bundled"));
  }

  /**
   * Looks for damage, repairs what it can, and looks again.
   *
   * @throws BadInputException if the source is not what the store was made of; nothing was written then
   * @throws FaultException if MANIFEST or catalog are damaged, or the store cannot be written
   */
  public static Outcome repair(Path store, Source source, ProgressListener progress) {
    StoreSurvey survey = StoreSurvey.survey(store, progress);
    StoreSurvey.Report before = survey.report();
    if (before.isWhole()) {
      return new Outcome(0, before, before);
    }
    StoreRepair repair = new StoreRepair(survey, source);
    repair.run();
    return new Outcome(repair.written, before, StoreSurvey.of(store, progress));
  }

  private void run() {
    String dense = StoreFormat.DENSE;
    String ffn = StoreFormat.ffnFile(manifest.container());
    ModelSpec wanted = catalog.spec();
    ModelSpec given = source.spec();
    if (wanted.layers() != given.layers() || wanted.hidden() != given.hidden()
        || wanted.feedForward() != given.feedForward()
        || !wanted.architecture().equals(given.architecture())) {
      throw notTheSource("another model: " + given.architecture() + ", " + given.layers()
          + " layers of " + given.feedForward() + " neurons");
    }
    try {
      // All that is to be written is compared first, so that a wrong source is found before it could write anything.
      repairDense(survey.damagedPages(dense), (page, bytes) -> {});
      repairFfn(survey.damagedPages(ffn), (page, bytes) -> {});
      if (isTouched(dense)) {
        try (FileChannel channel = open(dense)) {
          repairDense(survey.damagedPages(dense), (page, bytes) -> write(channel, page, bytes));
          channel.force(true);
        }
      }
      if (isTouched(ffn)) {
        try (FileChannel channel = open(ffn)) {
          repairFfn(survey.damagedPages(ffn), (page, bytes) -> write(channel, page, bytes));
          channel.force(true);
        }
      }
    } catch (IOException e) {
      throw new FaultException(folder, "cannot be repaired (" + FaultException.reason(e) + ")",
          "check the disk and permissions", e);
    } finally {
      heldArena.close();
    }
  }

  /** Where repaired pages go. */
  @FunctionalInterface
  private interface Pages {
    void put(int page, MemorySegment bytes) throws IOException;
  }

  private boolean isTouched(String name) {
    return !survey.damagedPages(name).isEmpty()
        || survey.report().damages().stream().anyMatch(damage -> damage.file().endsWith(name));
  }

  private BadInputException notTheSource(String why) {
    return new BadInputException(
        source.name(), "is not what " + folder + " was made of (" + why + ")",
        "name the checkpoint that was imported, as it was then");
  }

  /** A file open for repair, as long as it should be. */
  private FileChannel open(String name) throws IOException {
    FileChannel channel =
        FileChannel.open(
            folder.resolve(name), StandardOpenOption.CREATE, StandardOpenOption.READ,
            StandardOpenOption.WRITE);
    long bytes = manifest.files().get(name).bytes();
    if (channel.size() > bytes) {
      channel.truncate(bytes);
    }
    return channel;
  }

  private void repairDense(BitSet damaged, Pages pages) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment page = arena.allocate(PAGE_BYTES, PAGE_BYTES);
      for (int p = damaged.nextSetBit(0); p >= 0; p = damaged.nextSetBit(p + 1)) {
        long offset = (long) p * PAGE_BYTES;
        if (fillDense(offset, page)) {
          if (catalog.denseChecksums().firstMismatch(offset, page, 0, PAGE_BYTES) >= 0) {
            throw notTheSource("its tensors differ at byte " + offset + " of dense.bin");
          }
          pages.put(p, page);
        }
      }
    }
  }

  /** Puts together what a page of dense.bin should hold; false if the source lacks a tensor. */
  private boolean fillDense(long from, MemorySegment page) {
    page.fill((byte) 0);
    for (DenseTensor tensor : catalog.tensors()) {
      long first = Math.max(from, tensor.offsetBytes());
      long last = Math.min(from + PAGE_BYTES, tensor.offsetBytes() + tensor.bytes());
      if (first < last) {
        Optional<MemorySegment> bytes = tensor(tensor);
        if (bytes.isEmpty()) {
          return false;
        }
        MemorySegment.copy(bytes.get(), first - tensor.offsetBytes(), page, first - from,
            last - first);
      }
    }
    return true;
  }

  /** A tensor's bytes; those of the one that was asked for last are at hand, for it may have many pages. */
  private Optional<MemorySegment> tensor(DenseTensor tensor) {
    if (!tensor.equals(heldTensor)) {
      heldArena.close();
      heldArena = Arena.ofShared();
      heldTensor = tensor;
      held = source.tensor(tensor, heldArena);
      boolean sized = held.isEmpty() || held.get().byteSize() == tensor.bytes();
      if (!sized && manifest.provenance().notes().containsKey(Provenance.QUANTISED)) {
        held = Optional.empty(); // encoded anew: the source has not these bytes
      } else if (!sized) {
        throw notTheSource("tensor " + tensor.name() + " has " + held.get().byteSize()
            + " bytes instead of " + tensor.bytes());
      }
    }
    return held;
  }

  private void repairFfn(BitSet damaged, Pages pages) throws IOException {
    if (damaged.isEmpty()) {
      return;
    }
    if (!catalog.spec().bundle().equals(source.spec().bundle())) {
      throw new BadInputException(
          source.name(),
          "holds other bundles than " + folder
              + ", whose weights were encoded anew or whose gate is resident",
          "bundle the store again from the imported one");
    }
    LayerGeometry geometry = geometry();
    try (LayerPacker packer = new LayerPacker(geometry, catalog.spec().bundleBytes())) {
      for (int layer = 0; layer < catalog.spec().layers(); layer++) {
        int first =
            (int) (catalog.ffnLayers().get(layer).getFirst().baseOffsetBytes() / PAGE_BYTES);
        int end = first + (int) (geometry.bodyBytes() / PAGE_BYTES);
        if (manifest.container() == Container.LMDB && damaged.get(first - 1)) {
          repairHeader(first - 1, geometry.bodyBytes(), pages);
        }
        int wanted = damaged.nextSetBit(first);
        if (wanted >= 0 && wanted < end) {
          repairLayer(layer, geometry, packer, damaged.get(first, end), pages);
        }
      }
    }
  }

  /** How a layer's body is divided, as the first one is. */
  private LayerGeometry geometry() {
    List<FfnLayout.Part> parts = catalog.ffnLayers().getFirst();
    long base = parts.getFirst().baseOffsetBytes();
    int neurons = catalog.spec().feedForward();
    List<FfnLayout.Part> inBody = new ArrayList<>();
    long bodyBytes = 0;
    for (FfnLayout.Part part : parts) {
      inBody.add(
          new FfnLayout.Part(part.baseOffsetBytes() - base, part.strideBytes(), part.bytes(),
              part.offsetInBundleBytes()));
      bodyBytes += StoreFormat.wholePages((long) part.strideBytes() * neurons);
    }
    return new LayerGeometry(inBody, neurons, bodyBytes);
  }

  /** @param damaged pages of the layer's body */
  private void repairLayer(int layer, LayerGeometry geometry, LayerPacker packer, BitSet damaged,
      Pages pages) throws IOException {
    long base = catalog.ffnLayers().get(layer).getFirst().baseOffsetBytes();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment body = arena.allocate(geometry.bodyBytes(), PAGE_BYTES);
      packer.pack(
          catalog.orders().get(layer), source.layer(layer, arena),
          (offset, bytes) -> MemorySegment.copy(bytes, 0, body, offset, bytes.byteSize()));
      if (catalog.ffnChecksums().firstMismatch(base, body, 0, body.byteSize()) >= 0) {
        throw notTheSource("layer " + layer + " differs");
      }
      for (int p = damaged.nextSetBit(0); p >= 0; p = damaged.nextSetBit(p + 1)) {
        pages.put((int) (base / PAGE_BYTES) + p,
            body.asSlice((long) p * PAGE_BYTES, PAGE_BYTES));
      }
    }
  }

  private void repairHeader(int page, long bodyBytes, Pages pages) throws IOException {
    MemorySegment header = lmdbHeader(page, bodyBytes);
    long offset = (long) page * PAGE_BYTES;
    if (catalog.ffnChecksums().firstMismatch(offset, header, 0, PAGE_BYTES) < 0) {
      pages.put(page, header);
    }
  }

  /** The page before a layer's body: LMDB's header of a value on pages of its own, then zeros; see {@link LmdbLayerBodies}. */
  private static MemorySegment lmdbHeader(long page, long bodyBytes) {
    MemorySegment header = MemorySegment.ofArray(new byte[PAGE_BYTES]);
    header.set(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0, page);
    header.set(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 10, (short) 4);
    header.set(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 12,
        (int) (bodyBytes / PAGE_BYTES) + 1);
    return header;
  }

  private void write(FileChannel channel, int page, MemorySegment bytes) throws IOException {
    SequentialFile.writeFully(channel, (long) page * PAGE_BYTES, bytes);
    written++;
  }
}
