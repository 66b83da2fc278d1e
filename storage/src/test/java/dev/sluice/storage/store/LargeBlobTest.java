package dev.sluice.storage.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Values of the catalog that stay on disk come back whole, in parts, and never changed. */
class LargeBlobTest {
  private static final int MIB = 1 << 20;

  @TempDir
  Path scratch;

  private final Map<String, byte[]> blobs = new TreeMap<>();
  private Path folder;

  @BeforeEach
  void writeBlobsAroundThePageSize() {
    Random random = new Random(8);
    int[] sizes =
        {1, 100, 1900, 2000, 2030, 2048, 3000, 4064, 4079, 4080, 4081, 4096, 8176, 8177,
          MIB - 16, MIB, 3 * MIB + 5};
    folder = scratch.resolve("blobs.sluice");
    StoreWriter.Options options =
        new StoreWriter.Options(Container.FILE, Arrangement.BUNDLED, 0, Existing.REFUSE);
    ModelSpec spec = StoreFixtures.spec(FfnForm.UNGATED, TensorType.F16);
    try (StoreWriter writer = StoreWriter.create(folder, spec, options)) {
      StoreFixtures.fill(writer, spec, 4);
      for (int size : sizes) {
        byte[] blob = new byte[size];
        random.nextBytes(blob);
        blobs.put("b" + size, blob);
        writer.blob("b" + size, blob);
      }
      writer.publish();
    }
  }

  @Test
  void comeBackWholeAndInParts() {
    Random random = new Random(9);
    try (Store store = Store.open(folder);
        Arena arena = Arena.ofConfined()) {
      assertTrue(store.blobKeys().containsAll(blobs.keySet()));
      assertEquals(store.blobKeys().stream().sorted().toList(), store.blobKeys());
      assertEquals(OptionalLong.empty(), store.blobBytes("none"));
      blobs.forEach((key, blob) -> {
        assertArrayEquals(blob, store.blob(key).orElseThrow(), key);
        assertEquals(blob.length, store.blobBytes(key).orElseThrow());
        for (int i = 0; i < 20; i++) {
          int from = random.nextInt(blob.length + 1);
          int bytes = random.nextInt(blob.length - from + 1);
          MemorySegment target = i % 2 == 0 ? MemorySegment.ofArray(new byte[bytes])
              : arena.allocate(Math.max(bytes, 1)).asSlice(0, bytes);
          store.readBlob(key, from, target);
          assertArrayEquals(Arrays.copyOfRange(blob, from, from + bytes),
              target.toArray(ValueLayout.JAVA_BYTE), key);
        }
        MemorySegment beyond = MemorySegment.ofArray(new byte[blob.length + 1]);
        assertThrows(IllegalArgumentException.class, () -> store.readBlob(key, 0, beyond));
      });
    }
  }

  /** The digest was right when the store was opened; what the disk gives later is checked by page. */
  @Test
  void areCheckedEachTimeTheyAreRead() throws IOException {
    Path catalog = folder.resolve(StoreFormat.CATALOG);
    byte[] blob = blobs.get("b" + (3 * MIB + 5));
    try (Store store = Store.open(folder)) {
      try (FileChannel channel =
          FileChannel.open(catalog, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        long at = find(channel, Arrays.copyOfRange(blob, 2 * MIB, 2 * MIB + 64));
        channel.write(ByteBuffer.wrap(new byte[] {(byte) ~blob[2 * MIB]}), at);
        channel.force(true);
      }
      FaultException fault =
          assertThrows(FaultException.class, () -> store.blob("b" + (3 * MIB + 5)));
      assertTrue(fault.getMessage().startsWith(catalog.toString()), fault.getMessage());
      assertArrayEquals(blobs.get("b" + MIB), store.blob("b" + MIB).orElseThrow());
    }
  }

  private static long find(FileChannel channel, byte[] needle) throws IOException {
    ByteBuffer all = ByteBuffer.allocate((int) channel.size());
    channel.read(all, 0);
    for (int at = 0; at < all.capacity() - needle.length; at++) {
      if (Arrays.equals(all.array(), at, at + needle.length, needle, 0, needle.length)) {
        return at;
      }
    }
    throw new AssertionError("the blob is not in the file");
  }
}
