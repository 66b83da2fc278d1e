package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.posix.DirectFile;
import dev.sluice.storage.store.Manifest.FileEntry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongFunction;

/**
 * An open, verified store. MANIFEST and catalog are checked in full by {@link #open}; dense tensors and bundles by their
 * page checksums when they are read, or all together by {@link #verify}. Immutable, but for a counter; any number of
 * threads may read.
 * Nothing is ever written and nothing stays mapped, so the folder may be on a read-only mount. If the store is replaced
 * meanwhile, this object keeps reading the old files; {@link FfnLayout#file()} is a path and so names the new one for
 * whoever opens it later.
 */
public final class Store implements AutoCloseable {
  private static final long BLOB_READ_BYTES = 1L << 20;
  private static final int OPEN_ATTEMPTS = 3;

  private final Path folder;
  private final Manifest manifest;
  private final Catalog catalog;
  private final SortedMap<String, BlobPlace> places; // large values of the catalog, by its keys
  private final PageChecksums catalogChecksums;
  private final AtomicLong repeats = new AtomicLong();
  private final FfnLayout ffn;
  private final PageMap pageMap;
  private final Object ffnFileKey; // tells the file that was opened from one that has its name later
  private final FileChannel catalogChannel;
  private final FileChannel denseChannel;
  private final FileChannel ffnChannel;

  private Store(
      Path folder,
      Manifest manifest,
      Catalog catalog,
      SortedMap<String, BlobPlace> places,
      PageChecksums catalogChecksums,
      FileChannel catalogChannel,
      FileChannel denseChannel,
      FileChannel ffnChannel,
      Object ffnFileKey) {
    this.folder = folder;
    this.manifest = manifest;
    this.catalog = catalog;
    this.places = places;
    this.catalogChecksums = catalogChecksums;
    this.catalogChannel = catalogChannel;
    this.denseChannel = denseChannel;
    this.ffnChannel = ffnChannel;
    this.pageMap = new PageMap(catalog, manifest.container());
    this.ffnFileKey = ffnFileKey;
    this.ffn =
        new FfnLayout(
            folder.resolve(StoreFormat.ffnFile(manifest.container())),
            manifest.container(),
            manifest.arrangement(),
            catalog.spec().bundleBytes(),
            catalog.ffnLayers());
  }

  /**
   * Opens a store: MANIFEST first, then the sizes of its files, then the catalog's digest, then the catalog.
   *
   * @throws BadInputException if it is no store, of a version that we cannot read, incomplete or inconsistent
   * @throws FaultException if a checksum does not match or a file cannot be read
   */
  public static Store open(Path folder) {
    Path absolute = folder.toAbsolutePath().normalize();
    for (int attempt = 1;; attempt++) {
      Object before = identity(absolute);
      Store store;
      try {
        store = openOnce(absolute);
      } catch (BadInputException | FaultException e) {
        // Replaced while we looked: what failed may be a mixture of two whole stores.
        if (attempt < OPEN_ATTEMPTS && !before.equals(identity(absolute))) {
          continue;
        }
        throw e;
      }
      if (attempt == OPEN_ATTEMPTS || before.equals(identity(absolute))) {
        return store;
      }
      store.close();
    }
  }

  private static Object identity(Path folder) {
    try {
      return Objects.requireNonNullElse(
          Files.readAttributes(folder, BasicFileAttributes.class).fileKey(),
          folder);
    } catch (IOException e) {
      throw new BadInputException(
          folder, "no such store", "make one with sluice import, or check the path", e);
    }
  }

  private static Store openOnce(Path folder) {
    Path manifestFile = folder.resolve(StoreFormat.MANIFEST);
    Manifest manifest = Manifest.read(manifestFile);
    FileChannel catalogChannel = null;
    FileChannel denseChannel = null;
    FileChannel ffnChannel = null;
    try {
      Path catalogFile = folder.resolve(StoreFormat.CATALOG);
      FileEntry catalogEntry = manifest.files().get(StoreFormat.CATALOG);
      catalogChannel = openChecked(catalogFile, catalogEntry, Caching.NONE_IF_POSSIBLE);
      FileEntry denseEntry = manifest.files().get(StoreFormat.DENSE);
      denseChannel =
          openChecked(folder.resolve(StoreFormat.DENSE), denseEntry, Caching.NONE_IF_POSSIBLE);
      String ffnName = StoreFormat.ffnFile(manifest.container());
      FileEntry ffnEntry = manifest.files().get(ffnName);
      ffnChannel = openChecked(folder.resolve(ffnName), ffnEntry, Caching.AS_EVER);
      Object ffnFileKey = identity(folder.resolve(ffnName));
      PageChecksums.Builder pages = new PageChecksums.Builder(catalogEntry.bytes());
      checkDigest(catalogFile, catalogChannel, catalogEntry, pages::add);
      CatalogReader.Contents contents = CatalogReader.read(catalogFile, catalogChannel);
      Catalog catalog =
          Catalog.decode(
              catalogFile,
              contents.entries(),
              manifest.arrangement(),
              denseEntry.bytes(),
              ffnEntry.bytes());
      return new Store(folder, manifest, catalog, contents.places(), pages.build(), catalogChannel,
          denseChannel, ffnChannel, ffnFileKey);
    } catch (RuntimeException e) {
      closeAll(e, catalogChannel, denseChannel, ffnChannel);
      throw e;
    }
  }

  /** Whether what is read stays in the page cache, where a limit on memory counts it. */
  private enum Caching {
    AS_EVER,
    NONE_IF_POSSIBLE
  }

  private static FileChannel openChecked(Path file, FileEntry entry, Caching caching) {
    if (!Files.isRegularFile(file)) {
      throw StoreFormat.damaged(file, "is missing");
    }
    FileChannel channel = null;
    try {
      channel = caching == Caching.AS_EVER
          ? FileChannel.open(file, StandardOpenOption.READ)
          : openUncached(file, entry.bytes());
      if (channel.size() != entry.bytes()) {
        throw StoreFormat.damaged(
            file, "has " + channel.size() + " bytes instead of " + entry.bytes());
      }
      return channel;
    } catch (IOException e) {
      FaultException fault = FileScan.unreadable(file, e);
      closeAll(fault, channel);
      throw fault;
    } catch (RuntimeException e) {
      closeAll(e, channel);
      throw e;
    }
  }

  /** Everything that is read of such a file is whole pages, which direct reads need. */
  static FileChannel openUncached(Path file, long bytes) throws IOException {
    return bytes % StoreFormat.PAGE_BYTES == 0 ? DirectFile.open(file, StandardOpenOption.READ)
        : FileChannel.open(file, StandardOpenOption.READ);
  }

  private static void checkDigest(
      Path file, FileChannel channel, FileEntry entry, FileScan.ChunkVisitor visitor) {
    if (!FileScan.sha256(file, channel, entry.bytes(), visitor).equals(entry.sha256())) {
      throw new FaultException(
          file,
          "does not match its digest in " + StoreFormat.MANIFEST,
          "the store is damaged, import or bundle it again");
    }
  }

  /** Absolute path of the store's folder. */
  public Path folder() {
    return folder;
  }

  public ModelSpec spec() {
    return catalog.spec();
  }

  /** Hexadecimal SHA-256 of the MANIFEST's JSON, which holds the digests of all files: names this store's content. */
  public String digest() {
    return manifest.digest();
  }

  /** The checkpoint's tokenizer.json, if it had one; a copy. */
  public Optional<byte[]> tokenizerJson() {
    return value(StoreFormat.KEY_TOKENIZER, catalog.tokenizer());
  }

  /** Where the bundles lie. */
  public FfnLayout ffn() {
    return ffn;
  }

  /** Disk position → neuron, d_ff long; a copy. */
  public int[] order(int layer) {
    return catalog.orders().get(layer).clone();
  }

  /** Resident tensors in file order. */
  public List<DenseTensor> denseTensors() {
    return catalog.tensors();
  }

  /** Bytes of the file that holds the bundles. */
  public long ffnFileBytes() {
    return manifest.files().get(StoreFormat.ffnFile(manifest.container())).bytes();
  }

  /** Bytes of all files that have page checksums. */
  public long fileBytes() {
    return manifest.files().values().stream().mapToLong(FileEntry::bytes).sum();
  }

  /** Checksums of the file that holds the bundles. */
  public PageChecksums ffnChecksums() {
    return catalog.ffnChecksums();
  }

  /**
   * What a writer kept under this key; a copy. Large ones are read each time: nothing of them stays in memory here.
   *
   * @throws FaultException if a page does not match what it was when the store was opened
   */
  public Optional<byte[]> blob(String key) {
    return value(StoreFormat.PREFIX_BLOB + key, Optional.ofNullable(catalog.blobs().get(key)));
  }

  /** Bytes of a blob, without reading it. */
  public OptionalLong blobBytes(String key) {
    BlobPlace place = places.get(StoreFormat.PREFIX_BLOB + key);
    byte[] held = catalog.blobs().get(key);
    if (place == null && held == null) {
      return OptionalLong.empty();
    }
    return OptionalLong.of(place == null ? held.length : place.bytes());
  }

  /** Bytes of {@link #tokenizerJson}, without reading it; 0 when there is none. */
  public long tokenizerBytes() {
    BlobPlace place = places.get(StoreFormat.KEY_TOKENIZER);
    return place == null ? catalog.tokenizer().map(json -> json.length).orElse(0) : place.bytes();
  }

  /**
   * Reads a part of a blob into memory of any kind.
   *
   * @throws IllegalArgumentException if there is no such blob, or the part is not within it
   * @throws FaultException as {@link #blob}
   */
  public void readBlob(String key, long offsetBytes, MemorySegment target) {
    long bytes = blobBytes(key).orElseThrow(
        () -> new IllegalArgumentException("there is no blob " + key));
    if (offsetBytes < 0 || target.byteSize() > bytes - offsetBytes) {
      throw new IllegalArgumentException("not within the " + bytes + " bytes of blob " + key);
    }
    BlobPlace place = places.get(StoreFormat.PREFIX_BLOB + key);
    if (place == null) {
      MemorySegment.copy(MemorySegment.ofArray(catalog.blobs().get(key)), offsetBytes, target, 0,
          target.byteSize());
    } else {
      readCatalog(place.offsetBytes() + offsetBytes, target);
    }
  }

  /** Keys of all blobs, ascending. */
  public List<String> blobKeys() {
    List<String> keys = new ArrayList<>(catalog.blobs().keySet());
    for (String key : places.keySet()) {
      if (key.startsWith(StoreFormat.PREFIX_BLOB)) {
        keys.add(key.substring(StoreFormat.PREFIX_BLOB.length()));
      }
    }
    keys.sort(null);
    return List.copyOf(keys);
  }

  private Optional<byte[]> value(String catalogKey, Optional<byte[]> held) {
    BlobPlace place = places.get(catalogKey);
    if (place == null) {
      return held.map(byte[]::clone);
    }
    byte[] bytes = new byte[Math.toIntExact(place.bytes())];
    readCatalog(place.offsetBytes(), MemorySegment.ofArray(bytes));
    return Optional.of(bytes);
  }

  private void readCatalog(long offsetBytes, MemorySegment target) {
    Path file = folder.resolve(StoreFormat.CATALOG);
    long end = offsetBytes + target.byteSize();
    try (Arena arena = Arena.ofConfined()) {
      long from = StoreFormat.pageStart(offsetBytes);
      long roomBytes = Math.min(BLOB_READ_BYTES, StoreFormat.wholePages(end) - from);
      MemorySegment room = arena.allocate(Math.max(roomBytes, 1), StoreFormat.PAGE_BYTES);
      while (from < end) {
        long bytes = Math.min(room.byteSize(), StoreFormat.wholePages(end) - from);
        MemorySegment pages = room.asSlice(0, bytes);
        readPages(file, catalogChannel, catalogChecksums, from, pages,
            offset -> new PagePlace.Somewhere());
        long first = Math.max(from, offsetBytes);
        long last = Math.min(from + bytes, end);
        MemorySegment.copy(pages, first - from, target, first - offsetBytes, last - first);
        from += bytes;
      }
    }
  }

  public Provenance provenance() {
    return manifest.provenance();
  }

  /**
   * Reads all resident tensors and verifies every page of them; tensor t is at {@code [t.offsetBytes(), + t.bytes())}.
   *
   * @param arena owns the memory
   * @throws FaultException naming the page that does not match
   */
  public MemorySegment loadDense(Arena arena) {
    DenseLoading loading = denseLoading(arena, Set.of());
    for (int piece = 0; piece < loading.pieces(); piece++) {
      loading.read(piece);
    }
    return loading.memory();
  }

  /**
   * The same piece by piece, by as many threads as the caller likes.
   *
   * @param arena owns the memory, which takes RAM only where something was read
   * @param left names of tensors that are not read
   */
  public DenseLoading denseLoading(Arena arena, Set<String> left) {
    Path file = folder.resolve(StoreFormat.DENSE);
    long bytes = manifest.files().get(StoreFormat.DENSE).bytes();
    return new DenseLoading(catalog.tensors(), left, AnonymousMemory.map(bytes, arena),
        (from, pages) -> readDensePages(file, from, pages));
  }

  /**
   * Reads a part of a dense tensor's bytes and verifies the pages that it lies in. Any thread.
   *
   * @param offsetBytes in dense.bin
   * @throws FaultException naming the page that does not match
   */
  public void readDense(long offsetBytes, MemorySegment target) {
    long from = StoreFormat.pageStart(offsetBytes);
    long to = StoreFormat.wholePages(offsetBytes + target.byteSize());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pages = arena.allocate(to - from, StoreFormat.PAGE_BYTES);
      readDensePages(folder.resolve(StoreFormat.DENSE), from, pages);
      MemorySegment.copy(pages, offsetBytes - from, target, 0, target.byteSize());
    }
  }

  private void readDensePages(Path file, long offsetBytes, MemorySegment pages) {
    readPages(file, denseChannel, catalog.denseChecksums(), offsetBytes, pages, pageMap::ofDense);
  }

  /** Reads whole pages; those that fail or do not match are read again, as often as {@link CheckedReader} does. */
  private void readPages(Path file, FileChannel channel, PageChecksums checksums, long offsetBytes,
      MemorySegment pages, LongFunction<PagePlace> places) {
    for (int attempt = 0;; attempt++) {
      FaultException fault;
      try {
        FileScan.readFully(file, channel, offsetBytes, pages);
        long wrong = checksums.firstMismatch(offsetBytes, pages, 0, pages.byteSize());
        if (wrong < 0) {
          return;
        }
        fault = PageChecksums.mismatch(file, wrong, shown(places.apply(wrong)));
      } catch (FaultException e) {
        fault = e;
      }
      if (attempt == CheckedReader.MAX_REPEATS) {
        throw fault;
      }
      repeats.incrementAndGet();
    }
  }

  /** Reads of resident tensors and of the catalog's values that were done again, because they failed or did not match. */
  public long repeats() {
    return repeats.get();
  }

  /** The error for a page of the file with the bundles that is not as it was written; names what lies in it. */
  FaultException damagedFfnPage(long pageOffsetBytes) {
    if (isReplaced()) {
      return replaced();
    }
    return PageChecksums.mismatch(ffn.file(), pageOffsetBytes, shown(ffnPlace(pageOffsetBytes)));
  }

  /** The error for a reader of the file with the bundles that sees another size; empty if it is the right one. */
  Optional<FaultException> otherFfnFile(long bytes) {
    if (bytes == ffnFileBytes()) {
      return Optional.empty();
    }
    return Optional.of(
        isReplaced() ? replaced()
            : new FaultException(ffn.file(),
                "has " + bytes + " bytes instead of " + ffnFileBytes(),
                "the store is damaged, import or bundle it again"));
  }

  private FaultException replaced() {
    return new FaultException(ffn.file(), "was replaced while it was in use", "start again");
  }

  /** Whether the name of the file with the bundles is another file's by now: whoever opens it gets other bytes. */
  private boolean isReplaced() {
    try {
      return !identity(ffn.file()).equals(ffnFileKey);
    } catch (BadInputException e) {
      return true;
    }
  }

  /** What lies in a page of the file with the bundles. */
  public PagePlace ffnPlace(long pageOffsetBytes) {
    return pageMap.ofFfn(pageOffsetBytes);
  }

  private static String shown(PagePlace place) {
    return " (" + place.description() + ")";
  }

  /**
   * Reads every file and compares all digests and page checksums.
   *
   * @param progress hears about bytes read, on this thread
   * @throws FaultException naming the file, and the page where there is one, that does not match
   */
  public void verify(ProgressListener progress) {
    long totalBytes = 0;
    for (FileEntry entry : manifest.files().values()) {
      totalBytes += entry.bytes();
    }
    long doneBytes = 0;
    for (Map.Entry<String, FileEntry> entry : manifest.files().entrySet()) {
      verifyFile(entry.getKey(), entry.getValue(), doneBytes, totalBytes, progress);
      doneBytes += entry.getValue().bytes();
    }
    progress.progress(totalBytes, totalBytes);
  }

  private void verifyFile(
      String name, FileEntry entry, long doneBytes, long totalBytes, ProgressListener progress) {
    Path file = folder.resolve(name);
    Optional<PageChecksums> checksums = checksums(name);
    checkDigest(
        file,
        channel(name),
        entry,
        (offset, chunk) -> {
          progress.progress(doneBytes + offset, totalBytes);
          checksums.ifPresent(pages -> pages.verify(file, offset, chunk, 0, chunk.byteSize()));
        });
  }

  private Optional<PageChecksums> checksums(String name) {
    return switch (name) {
      case StoreFormat.CATALOG -> Optional.empty();
      case StoreFormat.DENSE -> Optional.of(catalog.denseChecksums());
      default -> Optional.of(catalog.ffnChecksums());
    };
  }

  private FileChannel channel(String name) {
    return switch (name) {
      case StoreFormat.CATALOG -> catalogChannel;
      case StoreFormat.DENSE -> denseChannel;
      default -> ffnChannel;
    };
  }

  /** Lets go of the files. Arrays, layouts and memory that were handed out stay valid. */
  @Override
  public void close() {
    FaultException fault = new FaultException(folder, "cannot be closed", "check the disk");
    closeAll(fault, catalogChannel, denseChannel, ffnChannel);
    if (fault.getSuppressed().length > 0) {
      throw fault;
    }
  }

  private static void closeAll(RuntimeException failure, FileChannel... channels) {
    for (FileChannel channel : channels) {
      try {
        if (channel != null) {
          channel.close();
        }
      } catch (IOException e) {
        failure.addSuppressed(e);
      }
    }
  }
}
