package dev.sluice.bundler.checkpoint;

import static dev.sluice.bundler.checkpoint.CheckpointFolder.entry;
import static dev.sluice.bundler.checkpoint.CheckpointFolder.file;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsFileTest {
  @TempDir
  Path folder;

  private static final byte[] DATA = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

  @Test
  void readsTensorsOfASoundFile() throws IOException {
    String header =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + entry("b", "F16", "[2,3]", 4, 16)
            + ","
            + entry("a", "F32", "[1]", 0, 4)
            + ","
            + entry("none", "F32", "[0,7]", 16, 16)
            + "}   ";
    try (SafetensorsFile opened = SafetensorsFile.open(write(file(header, DATA)))) {
      assertEquals(List.of("b", "a", "none"), List.copyOf(opened.tensors().keySet()));
      SafetensorsFile.Tensor b = opened.tensors().get("b");
      assertEquals(List.of(2L, 3L), b.shape());
      assertEquals(ElementType.F16, b.type());
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment target = arena.allocate(12);
        opened.read(b, 0, target);
        assertEquals(
            Arrays.toString(Arrays.copyOfRange(DATA, 4, 16)),
            Arrays.toString(target.toArray(ValueLayout.JAVA_BYTE)));
        assertThrows(
            IndexOutOfBoundsException.class, () -> opened.read(b, 1, target), "beyond its end");
      }
    }
  }

  @Test
  void namesFileAndTensorInEveryRefusal() throws IOException {
    refused("w", entry("w", "F17", "[8]", 0, 16), "F17");
    refused("w", entry("w", "F16", "[7]", 0, 16), "14 bytes");
    refused("w", entry("w", "F16", "[4294967296,4294967296]", 0, 16), "too large");
    refused("w", entry("w", "F16", "[-8]", 0, 16), "shape");
    refused("w", entry("w", "F16", "[8.0]", 0, 16), "shape");
    refused("w", entry("w", "F16", "[18446744073709551624]", 0, 16), "shape");
    refused("w", entry("w", "F16", "8", 0, 16), "not a list");
    refused("w", entry("w", "F16", "[8]", 16, 0), "begin and an end");
    refused("w", entry("w", "F16", "[9]", 0, 18), "ends at byte");
    refused("w", entry("w", "F16", "[8]", Long.MAX_VALUE - 16, Long.MAX_VALUE), "beyond any");
    refused("w", "\"w\":{\"shape\":[8],\"data_offsets\":[0,16]}", "dtype is missing");
    refused("w", "\"w\":{\"dtype\":\"F16\",\"data_offsets\":[0,16]}", "shape is missing");
    refused("w", "\"w\":{\"dtype\":\"F16\",\"shape\":[8]}", "data_offsets is missing");
    refused("w", "\"w\":{\"dtype\":5}", "not a string");
    refused("w", "\"w\":[]", "not a JSON object");
    refused("w", "\"w\":{\"dtype\":\"F16\",\"dtype\":\"F16\"}", "uplicate");
    refused(
        "b", entry("a", "F16", "[8]", 0, 16) + "," + entry("b", "F16", "[1]", 4, 6), "overlaps");
    refused("b", entry("a", "F16", "[2]", 0, 4) + "," + entry("b", "F16", "[2]", 12, 16), "gap");
    refused("a", entry("a", "F16", "[7]", 2, 16), "gap");
    refused("", entry("a", "F16", "[7]", 0, 14), "tensors end");
    refused(
        "", entry("a", "F16", "[8]", 0, 16) + "," + entry("a", "F16", "[8]", 0, 16), "uplicate");
    refused("__metadata__", "\"__metadata__\":3", "not a JSON object");
  }

  private void refused(String tensor, String entries, String cause) throws IOException {
    Path path = write(file("{" + entries + "}", DATA));
    String message =
        assertThrows(BadInputException.class, () -> SafetensorsFile.open(path), entries)
            .getMessage();
    assertTrue(message.startsWith(path.toString()), message);
    assertTrue(message.contains(cause), message);
    assertTrue(tensor.isEmpty() || message.contains("tensor " + tensor + ":"), message);
    assertFalse(message.contains("\n"), message);
  }

  @Test
  void refusesTheFileCutAtAnyLength() throws IOException {
    byte[] sound = CheckpointFolder.safetensors(CheckpointFolder.arcee().tensors);
    for (int length = 0; length < sound.length; length += length < 600 ? 1 : 37) {
      Path path = write(Arrays.copyOf(sound, length));
      assertThrows(BadInputException.class, () -> SafetensorsFile.open(path), "length " + length);
    }
    Path longer = write(Arrays.copyOf(sound, sound.length + 1));
    assertThrows(BadInputException.class, () -> SafetensorsFile.open(longer));
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, Long.MIN_VALUE, 0, 1, 100_000_001, 1L << 40, 99_999_999, 30, 18})
  void refusesAHeaderLengthThatLies(long headerBytes) throws IOException {
    byte[] bytes = file("{" + entry("a", "F16", "[8]", 0, 16) + "}", DATA);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, headerBytes);
    Path path = write(bytes);
    assertThrows(BadInputException.class, () -> SafetensorsFile.open(path));
  }

  @Test
  void refusesAHeaderOfAHundredMegabytesOfNothing() throws IOException {
    Path path = folder.resolve("huge.safetensors");
    try (RandomAccessFile sparse = new RandomAccessFile(path.toFile(), "rw")) {
      sparse.setLength(8 + SafetensorsFile.HEADER_LIMIT_BYTES);
      sparse.writeLong(Long.reverseBytes(SafetensorsFile.HEADER_LIMIT_BYTES));
      sparse.writeByte('{');
    }
    assertThrows(BadInputException.class, () -> SafetensorsFile.open(path));
  }

  @Test
  void refusesDeepNestingEverywhere() throws IOException {
    String deep = "[".repeat(200_000);
    for (String header : List.of(
        deep,
        "{\"__metadata__\":{\"a\":" + deep,
        "{\"w\":" + deep,
        "{\"w\":{\"shape\":" + deep,
        "{\"w\":{\"dtype\":" + deep,
        "{\"__metadata__\":" + "{\"a\":".repeat(200_000))) {
      Path path = write(file(header, DATA));
      assertThrows(BadInputException.class, () -> SafetensorsFile.open(path));
    }
  }

  @Test
  void refusesNamesAndTextThatAreNotUtf8OrTooLong() throws IOException {
    byte[] bytes = file("{" + entry("aaaa", "F16", "[8]", 0, 16) + "}", DATA);
    bytes[11] = (byte) 0xff;
    Path notUtf8 = write(bytes);
    String message =
        assertThrows(BadInputException.class, () -> SafetensorsFile.open(notUtf8)).getMessage();
    assertTrue(message.contains("UTF-8"), message);
    for (int length : new int[] {0, 513, 5_000, 3_000_000}) {
      Path path = write(file("{" + entry("n".repeat(length), "F16", "[8]", 0, 16) + "}", DATA));
      assertThrows(BadInputException.class, () -> SafetensorsFile.open(path));
    }
    Path lines = write(file("{" + entry("a\\n\\u001b[31m", "F16", "[7]", 0, 16) + "}", DATA));
    message = assertThrows(BadInputException.class, () -> SafetensorsFile.open(lines)).getMessage();
    assertFalse(message.contains("\n") || message.contains("\u001b"), message);
  }

  @Test
  void survivesTwoThousandMutatedHeaders() throws IOException {
    Map<String, CheckpointFolder.Entry> tensors = CheckpointFolder.arcee().tensors;
    byte[] sound = CheckpointFolder.safetensors(tensors);
    int headerBytes = (int) ByteBuffer.wrap(sound).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    Random random = new Random(20_260_501);
    byte[] likely =
        "{}[]\",:0123456789-eE.\\u \n\0".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    int refused = 0;
    for (int round = 0; round < 2_000; round++) {
      byte[] mutated = sound.clone();
      for (int change = random.nextInt(3); change >= 0; change--) {
        int at = random.nextInt(8 + headerBytes);
        mutated[at] =
            random.nextBoolean()
                ? likely[random.nextInt(likely.length)]
                : (byte) random.nextInt(256);
      }
      Path path = write(mutated);
      try (SafetensorsFile opened = SafetensorsFile.open(path)) {
        readAll(opened);
      } catch (BadInputException e) {
        refused++;
        assertFalse(e.getMessage().contains("\n"), e.getMessage());
      }
    }
    // Some changes only rename a tensor; most must be noticed.
    assertTrue(refused > 1_000, "refused " + refused);
  }

  @Test
  void aFileCutWhileOpenIsAFaultNotACrash() throws IOException {
    Path path = write(file("{" + entry("a", "F16", "[8]", 0, 16) + "}", DATA));
    try (SafetensorsFile opened = SafetensorsFile.open(path);
        RandomAccessFile other = new RandomAccessFile(path.toFile(), "rw")) {
      other.setLength(other.length() - 5);
      String message = assertThrows(FaultException.class, () -> readAll(opened)).getMessage();
      assertTrue(message.contains("tensor a") && message.contains("cut short"), message);
    }
  }

  @Test
  void refusesWhatIsNoFile() throws IOException {
    assertThrows(BadInputException.class, () -> SafetensorsFile.open(folder));
    assertThrows(BadInputException.class, () -> SafetensorsFile.open(folder.resolve("absent")));
  }

  private static void readAll(SafetensorsFile opened) {
    try (Arena arena = Arena.ofConfined()) {
      for (SafetensorsFile.Tensor tensor : opened.tensors().values()) {
        opened.read(tensor, 0, arena.allocate(tensor.bytes()));
      }
    }
  }

  private Path write(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("model.safetensors"), bytes);
  }
}
