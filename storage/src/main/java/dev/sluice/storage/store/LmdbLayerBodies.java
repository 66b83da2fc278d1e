package dev.sluice.storage.store;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import org.lmdbjava.Dbi;
import org.lmdbjava.DbiFlags;
import org.lmdbjava.Env;
import org.lmdbjava.EnvFlags;
import org.lmdbjava.Txn;

/**
 * {@code ffn.mdb}: one LMDB value per layer, key {@code layer/N}. LMDB puts a large value on overflow pages: a 16-byte
 * header (LMDB's struct MDB_page: page number u64, pad u16, flags u16, page count u32), then the value. So 4080 bytes
 * of lead bring the body to a page boundary, and a value of n · 4096 − 16 bytes ends on one.
 */
final class LmdbLayerBodies implements LayerBodies {
  private static final int HEADER_BYTES = 16;
  private static final int LEAD_BYTES = StoreFormat.PAGE_BYTES - HEADER_BYTES;

  /** P_OVERFLOW in LMDB's page flags. */
  private static final int OVERFLOW_FLAG = 0x04;

  private static final int COMPARE_BYTES = 1 << 20;
  private static final ValueLayout.OfLong INT64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort INT16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path file;
  private final int layers;
  private final int valueBytes;
  private final Env<ByteBuffer> env;
  private final Dbi<ByteBuffer> values;

  LmdbLayerBodies(Path file, int layers, long bodyBytes) {
    this.file = file;
    this.layers = layers;
    long bytes = Math.addExact(bodyBytes, LEAD_BYTES);
    if (bytes > Integer.MAX_VALUE) {
      throw new BadInputException(
          file.getFileName(),
          "a layer of " + bodyBytes + " bytes is more than one LMDB value can hold here",
          "use the file container");
    }
    this.valueBytes = (int) bytes;
    // Each layer is a transaction that rewrites a few tree and free-list pages: 64 pages a layer is far above that.
    long treeBytes = (16L + layers) * 64 * StoreFormat.PAGE_BYTES;
    long mapBytes =
        Math.addExact(
            Math.multiplyExact(valueBytes + (long) HEADER_BYTES, (long) layers), treeBytes);
    this.env =
        Env.create()
            .setMapSize(mapBytes)
            .open(
                file.toFile(), EnvFlags.MDB_NOSUBDIR, EnvFlags.MDB_NOLOCK, EnvFlags.MDB_NOSYNC);
    try {
      this.values = env.openDbi((byte[]) null, DbiFlags.MDB_CREATE);
      if (env.stat().pageSize != StoreFormat.PAGE_BYTES) {
        throw new BadInputException(
            file.getFileName(),
            "LMDB uses pages of " + env.stat().pageSize + " bytes here, not 4096",
            "use the file container");
      }
    } catch (RuntimeException e) {
      env.close();
      throw e;
    }
  }

  @Override
  public void write(int layer, Filler filler) throws IOException {
    try (Txn<ByteBuffer> txn = env.txnWrite()) {
      MemorySegment value =
          MemorySegment.ofBuffer(values.reserve(txn, key(layer), valueBytes));
      if (value.byteSize() != valueBytes) {
        throw new IllegalStateException("LMDB reserved " + value.byteSize() + " bytes");
      }
      value.asSlice(0, LEAD_BYTES).fill((byte) 0);
      filler.fill(
          (offset, bytes) -> MemorySegment.copy(bytes, 0, value, LEAD_BYTES + offset,
              bytes.byteSize()));
      txn.commit();
    }
  }

  @Override
  public long[] finish() throws IOException {
    long[] offsets = new long[layers];
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ);
        Txn<ByteBuffer> txn = env.txnRead()) {
      for (int layer = 0; layer < layers; layer++) {
        offsets[layer] = verifiedOffset(channel, layer, values.get(txn, key(layer)));
      }
    }
    return offsets;
  }

  @Override
  public void force() {
    env.sync(true);
  }

  /** Finds a layer's value in the file by its page number, and compares the file's bytes with LMDB's. */
  private long verifiedOffset(FileChannel channel, int layer, ByteBuffer buffer) {
    if (buffer == null || buffer.remaining() != valueBytes) {
      throw misplaced(layer);
    }
    MemorySegment value = MemorySegment.ofBuffer(buffer);
    MemorySegment page =
        MemorySegment.ofAddress(value.address() - HEADER_BYTES)
            .reinterpret(HEADER_BYTES + (long) valueBytes);
    long pageNumber = page.get(INT64, 0);
    long fileOffset = Math.multiplyExact(pageNumber, (long) StoreFormat.PAGE_BYTES);
    boolean overflow = (page.get(INT16, 10) & OVERFLOW_FLAG) != 0;
    if (!overflow || page.get(INT32, 12) != page.byteSize() / StoreFormat.PAGE_BYTES) {
      throw misplaced(layer);
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment copy = arena.allocate(COMPARE_BYTES);
      for (long at = 0; at < page.byteSize(); at += COMPARE_BYTES) {
        MemorySegment expected =
            page.asSlice(at, Math.min(COMPARE_BYTES, page.byteSize() - at));
        MemorySegment actual = copy.asSlice(0, expected.byteSize());
        FileScan.readFully(file, channel, fileOffset + at, actual);
        if (actual.mismatch(expected) >= 0) {
          throw misplaced(layer);
        }
      }
    }
    return fileOffset + HEADER_BYTES + LEAD_BYTES;
  }

  private FaultException misplaced(int layer) {
    return new FaultException(
        file, "layer " + layer + " is not where LMDB says", "use the file container");
  }

  private static ByteBuffer key(int layer) {
    byte[] bytes = ("layer/" + layer).getBytes(US_ASCII);
    return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
  }

  /** Empty: the file's pages are LMDB's. */
  @Override
  public Optional<FileScan.Summary> summary() {
    return Optional.empty();
  }

  @Override
  public void close() {
    env.close();
  }
}
