package dev.sluice.storage.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.sluice.storage.BadInputException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TraceDamageTest {
  /** Far above what a file of 20 kB can need, far below what a lying length would take. */
  private static final long ALLOCATION_LIMIT_BYTES = 4 << 20;

  @TempDir(factory = MemoryFolder.class)
  Path folder;
  private final SyntheticTrace trace = SyntheticTrace.SMALL;
  private byte[] good;
  private int headerBytes;

  @BeforeEach
  void writeOnce() throws IOException {
    good = Files.readAllBytes(trace.write(folder.resolve("good")));
    headerBytes = TraceFormat.encode(trace.header()).length;
  }

  /** Opens and reads everything, within the allocation limit. */
  private void readAll(byte[] bytes) throws IOException {
    Path file = Files.write(folder.resolve("damaged"), bytes);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    try (TraceReader reader = TraceReader.open(file)) {
      reader.verify();
    } finally {
      long allocated = threads.getCurrentThreadAllocatedBytes() - before;
      assertTrue(allocated < ALLOCATION_LIMIT_BYTES, "allocated " + allocated);
    }
  }

  private BadInputException assertRefused(byte[] bytes, String what) {
    BadInputException refused =
        assertThrows(BadInputException.class, () -> readAll(bytes), what);
    assertTrue(refused.getMessage().contains("damaged"), "names the file");
    assertFalse(refused.getMessage().contains("\n"), "one line");
    return refused;
  }

  @Test
  void theUndamagedFileIsRead() throws IOException {
    readAll(good);
  }

  @Test
  void everyFlippedBitIsDetected() {
    SplittableRandom random = new SplittableRandom(21);
    for (int flip = 0; flip < 2000; flip++) {
      byte[] bytes = good.clone();
      int at = random.nextInt(bytes.length);
      int bit = random.nextInt(8);
      bytes[at] ^= (byte) (1 << bit);
      assertRefused(bytes, "bit " + bit + " of byte " + at);
    }
    for (int at = 0; at < headerBytes; at++) {
      byte[] bytes = good.clone();
      bytes[at] ^= 1;
      assertRefused(bytes, "header byte " + at);
    }
    for (int at = good.length - TraceFormat.FOOTER_BYTES; at < good.length; at++) {
      byte[] bytes = good.clone();
      bytes[at] ^= (byte) 0x80;
      assertRefused(bytes, "footer byte " + at);
    }
  }

  @Test
  void everyTruncationAndAnythingAppendedIsDetected() {
    SplittableRandom random = new SplittableRandom(22);
    for (int cut = 0; cut < 300; cut++) {
      int length = cut < 60 ? cut : random.nextInt(good.length);
      assertRefused(Arrays.copyOf(good, length), "cut to " + length);
    }
    assertRefused(Arrays.copyOf(good, good.length + 1), "a byte more");
    byte[] twice = Arrays.copyOf(good, 2 * good.length);
    System.arraycopy(good, 0, twice, good.length, good.length);
    assertRefused(twice, "the file twice over");
  }

  @Test
  void swappedChunksAreDetectedThoughTheirOwnChecksumsHold() throws IOException {
    SyntheticTrace other = new SyntheticTrace(trace.header(), 99, 0.2);
    byte[] foreign = Files.readAllBytes(other.write(folder.resolve("foreign")));
    int firstChunk = headerBytes;
    ByteBuffer head = TraceFormat.wrap(foreign);
    int length = TraceFormat.CHUNK_HEAD_BYTES + head.getInt(firstChunk + 28);
    byte[] bytes = good.clone();
    System.arraycopy(foreign, firstChunk, bytes, firstChunk, Math.min(length, 2000));
    assertRefused(bytes, "a chunk of another trace");
  }

  @Test
  void lyingHeadersWithRightChecksumsNeverAllocateBeyondLimits() {
    SplittableRandom random = new SplittableRandom(23);
    int[] lies = {-1, 0, 1, 255, 256, 257, 1 << 16, 1 << 18, 1 << 22, 1 << 26, Integer.MAX_VALUE};
    int bodyEnd = headerBytes - 4;
    for (int field = 8; field < 32; field += 4) {
      for (int lie : lies) {
        byte[] bytes = good.clone();
        ByteBuffer all = TraceFormat.wrap(bytes);
        if (all.getInt(field) == lie || (field == 8 && lie == 1)) {
          continue;
        }
        all.putInt(field, lie).putInt(bodyEnd, TraceFormat.crc(bytes, 0, bodyEnd));
        // A window wider than the chunks are leaves their grid, so only that lie could pass for the truth.
        assertRefused(bytes, "header field at " + field + " = " + lie);
      }
    }
    for (int field = 4; field < 36; field += 4) {
      for (int lie : lies) {
        mutateChunk(field, lie);
      }
      mutateChunk(field, random.nextInt());
    }
  }

  private void mutateChunk(int field, int lie) {
    byte[] bytes = good.clone();
    ByteBuffer all = TraceFormat.wrap(bytes);
    if (all.getInt(headerBytes + field) == lie) {
      return;
    }
    all.putInt(headerBytes + field, lie);
    int crcAt = headerBytes + TraceFormat.CHUNK_HEAD_BYTES - 4;
    all.putInt(
        crcAt, TraceFormat.crc(bytes, headerBytes, TraceFormat.CHUNK_HEAD_BYTES - 4));
    assertRefused(bytes, "chunk field at " + field + " = " + lie);
  }

  @Test
  void lyingIndexesWithRightChecksumsAreRefused() {
    int footer = good.length - TraceFormat.FOOTER_BYTES;
    ByteBuffer all = TraceFormat.wrap(good);
    int index = (int) all.getLong(footer + 8);
    SplittableRandom random = new SplittableRandom(24);
    for (int lie = 0; lie < 500; lie++) {
      byte[] bytes = good.clone();
      ByteBuffer mutated = TraceFormat.wrap(bytes);
      int at = random.nextInt(index, footer - 3);
      int value = random.nextInt(4) == 0 ? Integer.MAX_VALUE : random.nextInt();
      mutated.putInt(at, value);
      if (Arrays.equals(bytes, good)) {
        continue;
      }
      mutated.putInt(footer + 4, TraceFormat.crc(bytes, index, footer - index));
      mutated.putInt(footer + 32, TraceFormat.crc(bytes, footer, 32));
      assertRefused(bytes, "index byte " + at + " = " + value);
    }
  }

  @Test
  void anLz4BombIsRefusedBeforeItUnpacks() {
    TraceHeader header = new TraceHeader("s", "t", 1, 1 << 18, 256, 256, "r", "dense");
    long raw = ChunkHead.rawBytes(header, 256, 1 << 20);
    byte[] head = new ChunkHead(0, 0, 256, 1 << 20, ChunkHead.LZ4, (int) raw, 64, 0).encode();
    assertThrows(
        IllegalArgumentException.class, () -> ChunkHead.decode(header, head, 1 << 20));
  }

  @Test
  void blobKeysThatAMessageCouldNotNameAreRefused() {
    try (TraceWriter writer =
        TraceWriter.open(folder.resolve("t"), trace.header(), TraceWriter.Existing.REFUSE)) {
      for (String key : new String[] {"", "two words", "line\nbreak", "ü", "x".repeat(257)}) {
        assertThrows(IllegalArgumentException.class, () -> writer.blob(key, new byte[0]), key);
      }
    }
  }

  @Test
  void messagesSayWhatToDo() throws IOException {
    byte[] newer = good.clone();
    newer[8] = 2;
    assertTrue(assertRefused(newer, "version 2").getMessage().contains("version 2"));
    assertTrue(
        assertRefused(Arrays.copyOf(good, 5000), "cut").getMessage().contains("unfinished"));
    byte[] foreign = "{\"not\": \"a trace at all\"}".getBytes(StandardCharsets.UTF_8);
    assertTrue(assertRefused(foreign, "json").getMessage().contains("not a Sluice trace"));
    Path absent = folder.resolve("absent");
    BadInputException missing =
        assertThrows(BadInputException.class, () -> TraceReader.open(absent).close());
    assertEquals(absent + ": does not exist; check the path", missing.getMessage());
  }
}
