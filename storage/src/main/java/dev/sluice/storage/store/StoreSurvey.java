package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.Manifest.FileEntry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.LongFunction;

/**
 * Reads all of a store and tells all that is wrong with it, not only the first. A store that a run would refuse (a file cut
 * short, a page that cannot be read) is gone through to its end too; only without its MANIFEST nothing can be said, and
 * without its catalog pages have no checksums, so that files are judged as a whole. Used by one thread.
 */
public final class StoreSurvey {
  /** Faults that a report lists; it counts all. */
  public static final int LISTED = 1000;

  private static final int CHUNK_BYTES = 1 << 22;
  private static final int PAGE_BYTES = StoreFormat.PAGE_BYTES;

  /**
   * One thing that is wrong.
   *
   * @param offsetBytes of the page; −1 for the file as a whole
   * @param cause what is wrong with it, in one clause
   * @param place what lies in the page; of a file that is too short, what lies in the first page that is missing
   */
  public record Damage(Path file, long offsetBytes, String cause, PagePlace place) {
    /** One line: file, page, what is wrong, and what lies there. */
    public String line() {
      return offsetBytes < 0
          ? file + ": " + cause
              + (place instanceof PagePlace.Somewhere ? ""
                  : " (from " + place.description() + " on)")
          : file + ": page at offset " + offsetBytes + " " + cause + " (" + place.description()
              + ")";
    }
  }

  /**
   * What was found.
   *
   * @param checkedBytes read and compared, or found missing
   * @param faults how many there are
   * @param damages the first {@value #LISTED} of them, in the order of files and pages
   * @param digest of the store, see {@link Store#digest}
   */
  public record Report(
      Path folder, String digest, long checkedBytes, long faults, List<Damage> damages) {
    public Report {
      damages = List.copyOf(damages);
    }

    /** Whether nothing is wrong. */
    public boolean isWhole() {
      return faults == 0;
    }
  }

  private final Path folder;
  private final Manifest manifest;
  private final ProgressListener progress;
  private final long totalBytes;
  private final List<Damage> damages = new ArrayList<>();
  private final Map<String, BitSet> damagedPages = new TreeMap<>();
  private Optional<Catalog> catalog = Optional.empty();
  private long faults;
  private long checkedBytes;

  private StoreSurvey(Path folder, Manifest manifest, ProgressListener progress) {
    this.folder = folder;
    this.manifest = manifest;
    this.progress = progress;
    this.totalBytes = manifest.files().values().stream().mapToLong(FileEntry::bytes).sum();
  }

  /**
   * Reads everything.
   *
   * @param progress hears about bytes read, on this thread
   * @throws BadInputException if there is no MANIFEST that can be read, so that there is nothing to compare with
   * @throws FaultException if MANIFEST does not match its checksum
   */
  public static Report of(Path folder, ProgressListener progress) {
    return survey(folder, progress).report();
  }

  static StoreSurvey survey(Path folder, ProgressListener progress) {
    Path absolute = folder.toAbsolutePath().normalize();
    if (!Files.exists(absolute)) {
      throw new BadInputException(
          absolute, "no such store", "make one with sluice import, or check the path");
    }
    StoreSurvey survey =
        new StoreSurvey(absolute, Manifest.read(absolute.resolve(StoreFormat.MANIFEST)), progress);
    survey.run();
    return survey;
  }

  Report report() {
    return new Report(folder, manifest.digest(), checkedBytes, faults, damages);
  }

  Manifest manifest() {
    return manifest;
  }

  /** Empty if it is damaged. */
  Optional<Catalog> catalog() {
    return catalog;
  }

  /** Pages of a file that are not what they should be, those that are missing among them. */
  BitSet damagedPages(String name) {
    return damagedPages.getOrDefault(name, new BitSet());
  }

  private void run() {
    survey(StoreFormat.CATALOG, Optional.empty(), offset -> new PagePlace.Somewhere());
    if (faults == 0) {
      decodeCatalog();
    }
    PageMap places = catalog.map(c -> new PageMap(c, manifest.container())).orElse(null);
    survey(StoreFormat.DENSE, catalog.map(Catalog::denseChecksums), offset -> places == null
        ? new PagePlace.Somewhere() : places.ofDense(offset));
    survey(StoreFormat.ffnFile(manifest.container()), catalog.map(Catalog::ffnChecksums),
        offset -> places == null ? new PagePlace.Somewhere() : places.ofFfn(offset));
    progress.progress(totalBytes, totalBytes);
  }

  private void decodeCatalog() {
    Path file = folder.resolve(StoreFormat.CATALOG);
    try (FileChannel channel = Store.openUncached(file, entry(StoreFormat.CATALOG).bytes())) {
      catalog =
          Optional.of(
              Catalog.decode(
                  file, CatalogReader.read(file, channel).entries(), manifest.arrangement(),
                  entry(StoreFormat.DENSE).bytes(),
                  entry(StoreFormat.ffnFile(manifest.container())).bytes()));
    } catch (BadInputException | FaultException e) {
      damaged(file, -1, "is inconsistent (" + e.getMessage() + ")", new PagePlace.Somewhere());
    } catch (IOException e) {
      damaged(file, -1, unreadable(e), new PagePlace.Somewhere());
    }
  }

  private FileEntry entry(String name) {
    return manifest.files().get(name);
  }

  private void survey(String name, Optional<PageChecksums> checksums,
      LongFunction<PagePlace> places) {
    Path file = folder.resolve(name);
    FileEntry entry = entry(name);
    if (!Files.isRegularFile(file)) {
      damaged(file, -1, "is missing", new PagePlace.Somewhere());
      missing(name, 0, entry.bytes(), checksums);
      return;
    }
    long before = faults;
    try (FileChannel channel = Store.openUncached(file, Files.size(file))) {
      long bytes = channel.size();
      if (bytes != entry.bytes()) {
        damaged(file, -1, "has " + bytes + " bytes instead of " + entry.bytes(),
            bytes < entry.bytes() ? places.apply(bytes / PAGE_BYTES * PAGE_BYTES)
                : new PagePlace.Somewhere());
      }
      String sha256 =
          scan(name, channel, Math.min(bytes, entry.bytes()), checksums, places);
      missing(name, Math.min(bytes, entry.bytes()), entry.bytes(), checksums);
      if (faults == before && !sha256.equals(entry.sha256())) {
        damaged(file, -1, "does not match its digest in " + StoreFormat.MANIFEST,
            new PagePlace.Somewhere());
      }
    } catch (IOException e) {
      damaged(file, -1, unreadable(e), new PagePlace.Somewhere());
    }
  }

  private static String unreadable(IOException e) {
    return "cannot be read (" + FaultException.reason(e) + ")";
  }

  /** Notes the pages that a file lacks, unless nobody knows what they were: then MANIFEST may claim any size. */
  private void missing(String name, long fileBytes, long bytes,
      Optional<PageChecksums> checksums) {
    if (checksums.isPresent() && fileBytes < bytes) {
      damagedPages.computeIfAbsent(name, n -> new BitSet()).set(
          (int) (fileBytes / PAGE_BYTES), checksums.get().pages());
    }
    checkedBytes += bytes - fileBytes;
  }

  /** Reads on a second thread what comes next, while this one compares what has come. Returns the SHA-256. */
  private String scan(String name, FileChannel channel, long bytes,
      Optional<PageChecksums> checksums, LongFunction<PagePlace> places) {
    Path file = folder.resolve(name);
    MessageDigest sha256 = FileScan.newSha256();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment[] buffers = {
        arena.allocate(CHUNK_BYTES, PAGE_BYTES), arena.allocate(CHUNK_BYTES, PAGE_BYTES)
      };
      CompletableFuture<BitSet> coming = read(file, channel, 0, bytes, buffers[0]);
      for (long at = 0; at < bytes; at += CHUNK_BYTES) {
        BitSet unreadable = joined(coming);
        long following = at + CHUNK_BYTES;
        MemorySegment chunk =
            buffers[(int) (at / CHUNK_BYTES % 2)].asSlice(0, Math.min(CHUNK_BYTES, bytes - at));
        coming =
            read(file, channel, following, bytes, buffers[(int) (following / CHUNK_BYTES % 2)]);
        try {
          compare(name, at, chunk, unreadable, checksums, places);
          sha256.update(chunk.asByteBuffer());
        } catch (RuntimeException e) {
          joined(coming);
          throw e;
        }
        checkedBytes += chunk.byteSize();
        progress.progress(checkedBytes, totalBytes);
      }
    }
    return HexFormat.of().formatHex(sha256.digest());
  }

  private static BitSet joined(CompletableFuture<BitSet> reading) {
    try {
      return reading.join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : e;
    }
  }

  /** Fills a buffer; pages that cannot be read become zeros and members of the result. */
  private static CompletableFuture<BitSet> read(Path file, FileChannel channel, long offset,
      long bytes, MemorySegment buffer) {
    if (offset >= bytes) {
      return CompletableFuture.completedFuture(new BitSet());
    }
    MemorySegment chunk = buffer.asSlice(0, Math.min(CHUNK_BYTES, bytes - offset));
    return CompletableFuture.supplyAsync(
        () -> {
          BitSet unreadable = new BitSet();
          try {
            FileScan.readFully(file, channel, offset, chunk);
          } catch (FaultException e) {
            readPages(file, channel, offset, chunk, unreadable);
          }
          return unreadable;
        });
  }

  private static void readPages(Path file, FileChannel channel, long offset, MemorySegment chunk,
      BitSet unreadable) {
    for (long at = 0; at < chunk.byteSize(); at += PAGE_BYTES) {
      MemorySegment page = chunk.asSlice(at, Math.min(PAGE_BYTES, chunk.byteSize() - at));
      try {
        FileScan.readFully(file, channel, offset + at, page);
      } catch (FaultException e) {
        page.fill((byte) 0);
        unreadable.set((int) (at / PAGE_BYTES));
      }
    }
  }

  private void compare(String name, long offset, MemorySegment chunk, BitSet unreadable,
      Optional<PageChecksums> checksums, LongFunction<PagePlace> places) {
    unreadable.stream().forEach(
        page -> damagedPage(name, offset + (long) page * PAGE_BYTES, "cannot be read", places));
    if (checksums.isEmpty()) {
      return;
    }
    long end = chunk.byteSize() / PAGE_BYTES * PAGE_BYTES;
    for (long at = 0; at < end;) {
      long wrong = checksums.get().firstMismatch(offset + at, chunk, at, end - at);
      if (wrong < 0) {
        return;
      }
      if (!unreadable.get((int) ((wrong - offset) / PAGE_BYTES))) {
        damagedPage(name, wrong, "does not match its checksum", places);
      }
      at = wrong - offset + PAGE_BYTES;
    }
  }

  private void damagedPage(String name, long offset, String cause,
      LongFunction<PagePlace> places) {
    damagedPages.computeIfAbsent(name, n -> new BitSet()).set((int) (offset / PAGE_BYTES));
    if (damages.size() < LISTED) {
      damaged(folder.resolve(name), offset, cause, places.apply(offset));
    } else {
      faults++;
    }
  }

  private void damaged(Path file, long offset, String cause, PagePlace place) {
    faults++;
    if (damages.size() < LISTED) {
      damages.add(new Damage(file, offset, cause, place));
    }
  }
}
