package dev.sluice.storage.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PageChecksumsTest {
  private static final Path NAMED = Path.of("ffn.bin");

  @TempDir
  Path scratch;

  /** CRC-32C bit by bit: reflected polynomial 0x82F63B78, check value in RFC 3720's tradition. */
  private static int crc32c(byte[] bytes, int offset, int length) {
    int crc = -1;
    for (int i = offset; i < offset + length; i++) {
      crc ^= bytes[i] & 0xff;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc >>> 1) ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
      }
    }
    return ~crc;
  }

  @Test
  void agreesWithTheDefinition() throws IOException {
    assertEquals(0xE3069283, crc32c("123456789".getBytes(StandardCharsets.US_ASCII), 0, 9));
    byte[] bytes = new byte[100 * 4096];
    new Random(7).nextBytes(bytes);
    Path file = Files.write(scratch.resolve("pages"), bytes);
    ByteBuffer expected = ByteBuffer.allocate(400).order(ByteOrder.LITTLE_ENDIAN);
    for (int page = 0; page < 100; page++) {
      expected.putInt(crc32c(bytes, page * 4096, 4096));
    }
    try (FileChannel channel = FileChannel.open(file)) {
      assertArrayEquals(
          expected.array(), FileScan.summarise(file, channel).checksums().encode());
    }
  }

  @Test
  void findsEveryFlippedPageAndNoOther() {
    byte[] bytes = new byte[8 * 4096];
    new Random(8).nextBytes(bytes);
    int[] checksums = new int[8];
    for (int page = 0; page < 8; page++) {
      checksums[page] = crc32c(bytes, page * 4096, 4096);
    }
    PageChecksums pages = PageChecksums.of(checksums);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(10 * 4096);
      MemorySegment.copy(MemorySegment.ofArray(bytes), 0, memory, 4096, bytes.length);
      pages.verify(NAMED, 0, memory, 4096, bytes.length);
      for (int page = 0; page < 8; page++) {
        pages.verify(NAMED, page * 4096L, memory, 4096 + page * 4096L, 4096);
        long at = 4096 + page * 4096L + 5;
        byte old = memory.get(ValueLayout.JAVA_BYTE, at);
        memory.set(ValueLayout.JAVA_BYTE, at, (byte) (old ^ 0x20));
        FaultException fault =
            assertThrows(
                FaultException.class, () -> pages.verify(NAMED, 0, memory, 4096, bytes.length));
        assertTrue(fault.getMessage().startsWith("ffn.bin: page at offset " + page * 4096 + " "));
        memory.set(ValueLayout.JAVA_BYTE, at, old);
      }
    }
  }

  @Test
  void refusesPartialPagesAndRangesBeyondTheFile() {
    PageChecksums pages = PageChecksums.of(new int[4]);
    MemorySegment memory = MemorySegment.ofArray(new byte[8 * 4096]);
    long[][] ranges =
        {{1, 4096}, {0, 4095}, {-4096, 4096}, {0, 5 * 4096}, {4 * 4096, 4096}, {1L << 40, 0}};
    for (long[] range : ranges) {
      assertThrows(
          IllegalArgumentException.class, () -> pages.verify(NAMED, range[0], memory, 0, range[1]));
    }
    pages.verify(NAMED, 4 * 4096, memory, 0, 0);
  }
}
