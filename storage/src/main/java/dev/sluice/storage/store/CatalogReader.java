package dev.sluice.storage.store;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.lmdbjava.CursorIterable;
import org.lmdbjava.Dbi;
import org.lmdbjava.Env;
import org.lmdbjava.EnvFlags;
import org.lmdbjava.LmdbException;
import org.lmdbjava.Txn;

/**
 * Copies the small values of {@code catalog.mdb} into Java memory, notes where the large ones lie, and lets go of the file:
 * no map outlives a call. The file's digest must have been compared before, because LMDB trusts its pages and a map that
 * is longer than its file ends the JVM with SIGBUS.
 */
final class CatalogReader {
  // LMDB 0.9, struct MDB_meta after a 16-byte page header; the second meta page is one page on.
  private static final int META_MAGIC_OFFSET = 16;
  private static final int META_VERSION_OFFSET = 20;
  private static final int META_PAGE_SIZE_OFFSET = 40;
  private static final int META_LAST_PAGE_OFFSET = 136;
  private static final int META_BYTES = 152;
  private static final int META_MAGIC = 0xBEEFC0DE;
  private static final int META_VERSION = 1;

  // struct MDB_page: the page's number, flags, and how many pages an overflow value takes; the value follows.
  private static final int PAGE_HEADER_BYTES = 16;
  private static final int PAGE_FLAGS_OFFSET = 10;
  private static final int PAGE_COUNT_OFFSET = 12;
  private static final int OVERFLOW_FLAG = 0x04;
  private static final ValueLayout.OfLong INT64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort INT16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private CatalogReader() {}

  /**
   * What a catalog holds, keys as text.
   *
   * @param entries values in memory
   * @param places values that were left where they are
   */
  record Contents(Map<String, byte[]> entries, SortedMap<String, BlobPlace> places) {}

  /** Which values may be left on disk. */
  private static boolean staysOnDisk(String key) {
    return key.startsWith(StoreFormat.PREFIX_BLOB) || key.equals(StoreFormat.KEY_TOKENIZER);
  }

  /**
   * @param channel the same file, for looking at its meta pages without LMDB
   */
  static Contents read(Path file, FileChannel channel) {
    Map<String, byte[]> entries = new TreeMap<>();
    SortedMap<String, BlobPlace> places = new TreeMap<>();
    try {
      long bytes = channel.size();
      int pageBytes = checkMetaPages(file, channel, bytes);
      try (Env<ByteBuffer> env =
          Env.create()
              .setMapSize(StoreFormat.wholePages(bytes))
              .open(
                  file.toFile(),
                  EnvFlags.MDB_NOSUBDIR,
                  EnvFlags.MDB_RDONLY_ENV,
                  EnvFlags.MDB_NOLOCK);
          Txn<ByteBuffer> txn = env.txnRead()) {
        Dbi<ByteBuffer> values = env.openDbi(txn, null, null, false);
        try (CursorIterable<ByteBuffer> cursor = values.iterate(txn)) {
          for (CursorIterable.KeyVal<ByteBuffer> entry : cursor) {
            String key = US_ASCII.decode(entry.key()).toString();
            Optional<BlobPlace> place =
                staysOnDisk(key) && bytes % StoreFormat.PAGE_BYTES == 0
                    ? place(MemorySegment.ofBuffer(entry.val()), pageBytes, bytes)
                    : Optional.empty();
            if (place.isPresent()) {
              places.put(key, place.get());
            } else {
              byte[] value = new byte[entry.val().remaining()];
              entry.val().get(value);
              entries.put(key, value);
            }
          }
        }
      }
    } catch (LmdbException e) {
      throw StoreFormat.damaged(file, "LMDB cannot read it (" + e.getMessage() + ")");
    } catch (IOException e) {
      throw FileScan.unreadable(file, e);
    }
    return new Contents(entries, places);
  }

  /**
   * Where a value lies in the file; empty when it shares a page with others. In a shared page no value begins right after the
   * header, where pointers are, so one that does has pages of its own, whose number the header tells.
   */
  private static Optional<BlobPlace> place(MemorySegment value, int pageBytes, long fileBytes) {
    if (pageBytes != StoreFormat.PAGE_BYTES || value.address() % pageBytes != PAGE_HEADER_BYTES) {
      return Optional.empty();
    }
    MemorySegment header =
        MemorySegment.ofAddress(value.address() - PAGE_HEADER_BYTES).reinterpret(PAGE_HEADER_BYTES);
    long pages = (PAGE_HEADER_BYTES + value.byteSize() + pageBytes - 1) / pageBytes;
    long page = header.get(INT64, 0);
    boolean whole =
        (header.get(INT16, PAGE_FLAGS_OFFSET) & OVERFLOW_FLAG) != 0
            && header.get(INT32, PAGE_COUNT_OFFSET) == pages
            && page >= 2
            && page <= fileBytes / pageBytes - pages;
    return whole
        ? Optional.of(new BlobPlace(page * pageBytes + PAGE_HEADER_BYTES, value.byteSize()))
        : Optional.empty();
  }

  /** A file that carries a right digest of wrong content must not reach past its end either. Returns LMDB's page size. */
  private static int checkMetaPages(Path file, FileChannel channel, long bytes) {
    if (bytes < 2L * StoreFormat.PAGE_BYTES) {
      throw StoreFormat.damaged(file, bytes + " bytes are too few for an LMDB file");
    }
    ByteBuffer first = meta(file, channel, 0);
    int pageBytes = first.getInt(META_PAGE_SIZE_OFFSET);
    if (Integer.bitCount(pageBytes) != 1 || pageBytes < 512 || pageBytes > 1 << 16) {
      throw StoreFormat.damaged(file, "LMDB page size is " + pageBytes);
    }
    if (bytes < 2L * pageBytes) {
      throw StoreFormat.damaged(file, bytes + " bytes are too few for an LMDB file");
    }
    for (ByteBuffer meta : new ByteBuffer[] {first, meta(file, channel, pageBytes)}) {
      long lastPage = meta.getLong(META_LAST_PAGE_OFFSET);
      if (meta.getInt(META_MAGIC_OFFSET) != META_MAGIC
          || meta.getInt(META_VERSION_OFFSET) != META_VERSION) {
        throw StoreFormat.damaged(file, "not an LMDB file of data version 1");
      }
      if (lastPage < 1 || lastPage >= bytes / pageBytes) {
        throw StoreFormat.damaged(file, "its last page " + lastPage + " is beyond its end");
      }
    }
    return pageBytes;
  }

  private static ByteBuffer meta(Path file, FileChannel channel, long offsetBytes) {
    // In whole pages, as direct reads want it.
    long from = offsetBytes & -(long) StoreFormat.PAGE_BYTES;
    byte[] page = new byte[StoreFormat.PAGE_BYTES];
    FileScan.readFully(file, channel, from, MemorySegment.ofArray(page));
    return ByteBuffer.wrap(page, (int) (offsetBytes - from), META_BYTES)
        .slice()
        .order(ByteOrder.LITTLE_ENDIAN);
  }
}
