package dev.sluice.bundler.checkpoint.gguf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufFileTest {
  private static final Path FIXTURES =
      Path.of(System.getProperty("sluice.root")).resolve("fixtures/gguf");

  @TempDir
  Path folder;

  private static GgufBytes sound() {
    byte[] data = new byte[64];
    Arrays.fill(data, (byte) 7);
    return new GgufBytes()
        .text("general.name", "tiny")
        .uint32("n", 12)
        .float32("r", 0.5f)
        .flag("f", true)
        .strings("words", List.of("one", "", "drei"))
        .int32s("counts", 3, -4, 5)
        .tensor("a", GgufType.F32, data, 2, 8)
        .tensor("b", GgufType.Q8_0, new byte[34], 32);
  }

  private GgufFile open(GgufBytes builder) throws IOException {
    return open(builder.bytes());
  }

  private GgufFile open(byte[] bytes) throws IOException {
    return GgufFile.open(Files.write(folder.resolve("x.gguf"), bytes));
  }

  private String refusal(GgufBytes builder) {
    return refusal(builder.bytes());
  }

  private String refusal(byte[] bytes) {
    String message =
        assertThrows(BadInputException.class, () -> open(bytes).close()).getMessage();
    assertTrue(message.contains("x.gguf"), message);
    assertFalse(message.contains("\n"), message);
    return message;
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void everythingIsReadAsItWasWritten(int version) throws IOException {
    try (GgufFile file = open(sound().version(version)); Arena arena = Arena.ofConfined()) {
      GgufMetadata metadata = file.metadata();
      assertEquals(
          List.of("general.name", "n", "r", "f", "words", "counts"),
          List.copyOf(metadata.values().keySet()));
      assertEquals(Optional.of("tiny"), metadata.text("general.name"));
      assertEquals(12, metadata.integer("n", 0, 20));
      assertEquals(Optional.of(0.5), metadata.positive("r"));
      assertEquals(Optional.of(true), metadata.flag("f"));
      assertEquals(List.of("one", "", "drei"), metadata.strings("words", 3));
      assertEquals(Map.of(0, "one", 2, "drei"), metadata.strings("words", 3, i -> i != 1));
      assertArrayEquals(new long[] {3, -4, 5}, metadata.wholes("counts", 3));
      assertEquals(Optional.empty(), metadata.text("absent"));
      assertEquals(9, metadata.integerOr("absent", 0, 10, 9));

      assertEquals(List.of("a", "b"), List.copyOf(file.tensors().keySet()));
      GgufFile.Tensor a = file.tensors().get("a");
      assertEquals(List.of(2L, 8L), a.shape());
      assertEquals(GgufType.F32, a.type());
      assertEquals(0, a.offsetBytes() % 32);
      MemorySegment data = arena.allocate(64);
      file.read(a, 0, data);
      assertEquals(7, data.get(ValueLayout.JAVA_BYTE, 63));
      assertThrows(IndexOutOfBoundsException.class, () -> file.read(a, 1, data));
    }
  }

  @Test
  void anIntegerForEachLayerCountsIfTheyAgree() throws IOException {
    try (GgufFile file = open(sound().int32s("same", 4, 4, 4))) {
      assertEquals(4, file.metadata().integer("same", 1, 8));
      String message =
          assertThrows(
              BadInputException.class, () -> file.metadata().integer("counts", 1, 8)).getMessage();
      assertTrue(message.contains("layer to layer"), message);
    }
  }

  @Test
  void valuesOfOtherKindsOrOutOfBoundsAreRefusedByKey() throws IOException {
    try (GgufFile file = open(sound())) {
      GgufMetadata metadata = file.metadata();
      for (Consumer<GgufMetadata> wrong : List.<Consumer<GgufMetadata>>of(
          m -> m.integer("general.name", 0, 9), m -> m.integer("n", 0, 11),
          m -> m.integer("absent", 0, 9), m -> m.text("n"), m -> m.flag("n"),
          m -> m.positive("f"), m -> m.strings("counts", 9), m -> m.strings("words", 2),
          m -> m.strings("words", 2, i -> false),
          m -> m.wholes("words", 9), m -> m.floats("counts", 9), m -> m.strings("n", 1))) {
        String message =
            assertThrows(BadInputException.class, () -> wrong.accept(metadata)).getMessage();
        assertTrue(message.contains(", key "), message);
      }
    }
  }

  @Test
  void filesOfOtherFormatsOrderOrVersionAreRefused() {
    assertTrue(refusal(new byte[0]).contains("not a GGUF"));
    assertTrue(refusal("PK\3\4 and so on".getBytes(StandardCharsets.US_ASCII))
        .contains("not a GGUF"));
    assertTrue(refusal(sound().version(1)).contains("version 1"));
    assertTrue(refusal(sound().version(4)).contains("version 4"));
    assertTrue(refusal(sound().version(Integer.reverseBytes(3))).contains("big-endian"));
  }

  @Test
  void claimsBeyondTheFileAreRefusedBeforeMemoryIsTaken() {
    for (long claim : new long[] {-1, Long.MAX_VALUE, 1L << 40, 1000}) {
      byte[] tensors = sound().bytes();
      ByteBuffer.wrap(tensors).order(ByteOrder.LITTLE_ENDIAN).putLong(8, claim);
      assertTrue(refusal(tensors).contains("tensors"));
      byte[] pairs = sound().bytes();
      ByteBuffer.wrap(pairs).order(ByteOrder.LITTLE_ENDIAN).putLong(16, claim);
      assertTrue(refusal(pairs).contains("metadata pairs"));
      assertTrue(refusal(sound().array("k", 4, claim, new byte[8])).contains("key k"));
      assertTrue(refusal(sound().array("k", 8, claim, new byte[8])).contains("key k"));
      assertTrue(refusal(sound().array("k", 12, claim, new byte[8])).contains("key k"));
      byte[] length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(claim).array();
      assertTrue(refusal(sound().raw("k", 8, length)).contains("key k"));
    }
  }

  @Test
  void arraysNestOnlySoDeep() throws IOException {
    byte[] content = GgufBytes.sequence(0, 1, new byte[1]);
    for (int depth = 2; depth <= 4; depth++) {
      open(sound().array("k", 9, 1, content)).close();
      content = GgufBytes.sequence(9, 1, content);
    }
    assertTrue(refusal(sound().array("k", 9, 1, content)).contains("nest"));
  }

  @Test
  void kindsTypesAndFlagsMustBeKnown() {
    assertTrue(refusal(sound().raw("k", 13, new byte[8])).contains("unknown kind 13"));
    assertTrue(refusal(sound().array("k", 99, 1, new byte[8])).contains("unknown kind 99"));
    assertTrue(refusal(sound().raw("k", 7, new byte[] {2})).contains("key k"));
    assertTrue(refusal(sound().lyingTensor("c", 5, List.of(32L), 128, new byte[64]))
        .contains("unknown type 5"));
  }

  @Test
  void alignmentIsAPowerOfTwoAndTensorsKeepIt() throws IOException {
    open(sound().uint32("general.alignment", 16)).close();
    for (int wrong : new int[] {0, 3, 24, 1 << 21, -32}) {
      assertTrue(refusal(sound().uint32("general.alignment", wrong)).contains("power of two"));
    }
    assertTrue(refusal(sound().text("general.alignment", "32")).contains("power of two"));
    assertTrue(refusal(sound().lyingTensor("c", 0, List.of(1L), 129, new byte[32]))
        .contains("multiple of 32"));
  }

  @Test
  void shapesThatOverflowOrSplitBlocksAreRefused() {
    List<List<Long>> shapes =
        List.of(
            List.of(1L << 32, 1L << 32), List.of(Long.MAX_VALUE), List.of(3L, Long.MAX_VALUE / 2),
            List.of(0L, 8L), List.of(-1L), List.of(1L << 61));
    for (List<Long> shape : shapes) {
      refusal(sound().lyingTensor("c", 0, shape, 128, new byte[32]));
    }
    assertTrue(refusal(sound().lyingTensor("c", 8, List.of(33L), 128, new byte[64]))
        .contains("blocks of 32"));
    for (int dimensions : new int[] {0, 5}) {
      List<Long> shape = IntStream.range(0, dimensions).mapToObj(d -> 1L).toList();
      assertTrue(refusal(sound().lyingTensor("c", 0, shape, 128, new byte[32]))
          .contains("dimensions"));
    }
  }

  @Test
  void tensorsLieInTheFileAndApart() {
    assertTrue(refusal(sound().lyingTensor("c", 0, List.of(9L), 128, new byte[32]))
        .contains("beyond the end"));
    for (long offset : new long[] {1L << 40, Long.MAX_VALUE - 31, -32}) {
      refusal(sound().lyingTensor("c", 0, List.of(8L), offset, new byte[32]));
    }
    assertTrue(refusal(sound().lyingTensor("c", 0, List.of(8L), 32, new byte[32]))
        .contains("overlaps"));
    byte[] whole = sound().bytes();
    assertTrue(refusal(Arrays.copyOf(whole, whole.length - 32)).contains("beyond the end"));
  }

  @Test
  void namesAreUniqueAndReadable() {
    byte[] bytes = sound().tensor("c", GgufType.F32, new byte[32], 8).bytes();
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    byte[] twice = bytes.clone();
    twice[text.indexOf("\1\0\0\0\0\0\0\0c") + 8] = 'a';
    assertTrue(refusal(twice).contains("tensor a: it is there twice"));
    byte[] key = bytes.clone();
    key[text.indexOf("\1\0\0\0\0\0\0\0r") + 8] = 'n';
    assertTrue(refusal(key).contains("key n: it is there twice"));
    key[text.indexOf("\1\0\0\0\0\0\0\0r") + 8] = (byte) 0xff;
    assertTrue(refusal(key).contains("not UTF-8"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"arcee-f16", "arcee-q8_0", "llama-q4_0", "llama-q8_0", "qwen2-q8_0"})
  void fixturesOpen(String name) {
    try (GgufFile file = GgufFile.open(FIXTURES.resolve(name).resolve("model.gguf"))) {
      assertEquals(Optional.of(name), file.metadata().text("general.name"));
      assertEquals(512, file.metadata().strings("tokenizer.ggml.tokens", 512).size());
      assertEquals(List.of(512L, 64L), file.tensors().get("token_embd.weight").shape());
    }
  }
}
