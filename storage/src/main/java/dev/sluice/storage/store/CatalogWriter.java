package dev.sluice.storage.store;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.SortedMap;
import org.lmdbjava.ByteArrayProxy;
import org.lmdbjava.Dbi;
import org.lmdbjava.DbiFlags;
import org.lmdbjava.Env;
import org.lmdbjava.EnvFlags;
import org.lmdbjava.Txn;

/** Writes {@code catalog.mdb} in one transaction, keys in ascending order. */
final class CatalogWriter {
  private CatalogWriter() {}

  static void write(Path file, SortedMap<String, byte[]> entries) throws IOException {
    long mapBytes = 1L << 20;
    for (byte[] value : entries.values()) {
      // The value, its page header, and room for its key in leaf and branch pages.
      mapBytes += StoreFormat.wholePages(value.length + 16L) + 2L * StoreFormat.PAGE_BYTES;
    }
    try (Env<byte[]> env =
        Env.create(ByteArrayProxy.PROXY_BA)
            .setMapSize(mapBytes)
            .open(
                file.toFile(), EnvFlags.MDB_NOSUBDIR, EnvFlags.MDB_NOLOCK, EnvFlags.MDB_NOSYNC)) {
      Dbi<byte[]> values = env.openDbi((byte[]) null, DbiFlags.MDB_CREATE);
      try (Txn<byte[]> txn = env.txnWrite()) {
        for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
          values.put(txn, entry.getKey().getBytes(US_ASCII), entry.getValue());
        }
        txn.commit();
      }
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
  }
}
