package dev.sluice.storage.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Against blocks that the gguf Python package encoded and decoded. */
class TensorDecoderTest {
  private static final Path BLOCKS =
      Path.of(System.getProperty("sluice.root")).resolve("fixtures/gguf-blocks");

  private static byte[] blocks(TensorType type) throws IOException {
    return Files.readAllBytes(BLOCKS.resolve(type + ".bin"));
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = {"F32", "I8", "U4", "I4"})
  void everyTypeDecodesToTheReferencesBits(TensorType type) throws IOException {
    float[] expected = Floats.fromBytes(Files.readAllBytes(BLOCKS.resolve(type + ".f32")));
    byte[] blocks = blocks(type);
    assertEquals(blocks.length, type.bytes(expected.length));
    // One byte and one element of lead: neither alignment nor a start at 0 may be assumed.
    byte[] shifted = new byte[blocks.length + 1];
    System.arraycopy(blocks, 0, shifted, 1, blocks.length);
    float[] actual = new float[expected.length + 1];
    TensorDecoder.decode(type, MemorySegment.ofArray(shifted), 1, actual, 1, expected.length);
    for (int i = 0; i < expected.length; i++) {
      int element = i;
      assertEquals(
          Float.floatToRawIntBits(expected[i]), Float.floatToRawIntBits(actual[i + 1]),
          () -> type + " element " + element + ": " + expected[element] + " became "
              + actual[element + 1]);
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = {"F32", "F16", "BF16", "I8", "U4", "I4"})
  void partsMakeTheValue(TensorType type) throws IOException {
    MemorySegment memory = MemorySegment.ofArray(blocks(type));
    int group = ScaledBlocks.groupElements(type);
    byte[] quants = new byte[type.blockElements()];
    float[] scales = new float[quants.length / group];
    float[] mins = new float[scales.length];
    float[] decoded = new float[quants.length];
    for (long at = 0; at < memory.byteSize(); at += type.blockBytes()) {
      ScaledBlocks.unpack(type, memory, at, quants, 0, scales, mins, 0);
      TensorDecoder.decode(type, memory, at, decoded, 0, decoded.length);
      for (int i = 0; i < quants.length; i++) {
        float scale = scales[i / group];
        float min = mins[i / group];
        assertTrue(quants[i] >= ScaledBlocks.leastQuant(type));
        // Exact products: so fused, unfused and double arithmetic all give the decoder's value.
        assertEquals(decoded[i], scale * quants[i] + min, 0);
        assertEquals(decoded[i], Math.fma(scale, quants[i], min), 0);
        assertEquals(decoded[i], (float) ((double) scale * quants[i] + min), 0);
      }
    }
  }

  @Test
  void float32IsCopied() {
    float[] values = new Random(3).doubles(7).collect(() -> new float[7], (a, v) -> {
      System.arraycopy(a, 1, a, 0, 6);
      a[6] = (float) v;
    }, (a, b) -> {});
    float[] decoded = new float[7];
    MemorySegment memory = MemorySegment.ofArray(Floats.toBytes(values));
    TensorDecoder.decode(TensorType.F32, memory, 0, decoded, 0, 7);
    assertEquals(Arrays.toString(values), Arrays.toString(decoded));
  }

  @Test
  void whatHasNoScalesOfItsOwnOrEndsWithinABlockIsRefused() {
    MemorySegment memory = MemorySegment.ofArray(new byte[4096]);
    float[] target = new float[512];
    for (TensorType type : new TensorType[] {TensorType.I8, TensorType.U4, TensorType.I4}) {
      assertThrows(IllegalArgumentException.class,
          () -> TensorDecoder.decode(type, memory, 0, target, 0, 32));
    }
    assertThrows(IllegalArgumentException.class,
        () -> TensorDecoder.decode(TensorType.Q4_K, memory, 0, target, 0, 32));
  }
}
