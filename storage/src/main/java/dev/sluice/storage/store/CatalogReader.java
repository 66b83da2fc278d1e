package dev.sluice.storage.store;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.lmdbjava.ByteArrayProxy;
import org.lmdbjava.CursorIterable;
import org.lmdbjava.Dbi;
import org.lmdbjava.Env;
import org.lmdbjava.EnvFlags;
import org.lmdbjava.LmdbException;
import org.lmdbjava.Txn;

/**
 * Copies {@code catalog.mdb} into Java memory and lets go of it: no map outlives a call. The file's digest must have been
 * compared before, because LMDB trusts its pages and a map that is longer than its file ends the JVM with SIGBUS.
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

  private CatalogReader() {}

  /**
   * @param channel the same file, for looking at its meta pages without LMDB
   * @return all entries, keys as text
   */
  static Map<String, byte[]> read(Path file, FileChannel channel) {
    Map<String, byte[]> entries = new TreeMap<>();
    try {
      long bytes = channel.size();
      checkMetaPages(file, channel, bytes);
      try (Env<byte[]> env =
          Env.create(ByteArrayProxy.PROXY_BA)
              .setMapSize(StoreFormat.wholePages(bytes))
              .open(
                  file.toFile(),
                  EnvFlags.MDB_NOSUBDIR,
                  EnvFlags.MDB_RDONLY_ENV,
                  EnvFlags.MDB_NOLOCK);
          Txn<byte[]> txn = env.txnRead()) {
        Dbi<byte[]> values = env.openDbi(txn, null, null, false);
        try (CursorIterable<byte[]> cursor = values.iterate(txn)) {
          for (CursorIterable.KeyVal<byte[]> entry : cursor) {
            entries.put(new String(entry.key(), US_ASCII), entry.val());
          }
        }
      }
    } catch (LmdbException e) {
      throw StoreFormat.damaged(file, "LMDB cannot read it (" + e.getMessage() + ")");
    } catch (IOException e) {
      throw FileScan.unreadable(file, e);
    }
    return entries;
  }

  /** A file that carries a right digest of wrong content must not reach past its end either. */
  private static void checkMetaPages(Path file, FileChannel channel, long bytes) {
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
  }

  private static ByteBuffer meta(Path file, FileChannel channel, long offsetBytes) {
    byte[] bytes = new byte[META_BYTES];
    FileScan.readFully(
        file, channel, offsetBytes, MemorySegment.ofArray(bytes));
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
