package dev.sluice.bundler.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.bundler.checkpoint.FfnWeights.ColumnScales;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.tensor.ScaledBlocks;
import dev.sluice.storage.tensor.TensorDecoder;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Columns of integers with resident scales are what TensorDecoder makes of the blocks, to the bit. */
class DownColumnsTest {
  private static final Path BLOCKS =
      Path.of(System.getProperty("sluice.root")).resolve("fixtures/gguf-blocks");

  /** More than one tile and no multiple of it. */
  private static final int HIDDEN = 328;

  private static final int NEURONS = 512;

  private static byte[] matrix(TensorType type, int neurons) throws IOException {
    byte[] blocks = Files.readAllBytes(BLOCKS.resolve(type + ".bin"));
    byte[] matrix = new byte[(int) type.bytes((long) HIDDEN * neurons)];
    int blockBytes = (int) type.blockBytes();
    SplittableRandom random = new SplittableRandom(4); // no two rows alike
    for (int at = 0; at < matrix.length; at += blockBytes) {
      int from = random.nextInt(blocks.length / blockBytes) * blockBytes;
      System.arraycopy(blocks, from, matrix, at, blockBytes);
    }
    return matrix;
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = {"F32", "F16", "BF16", "I8", "U4", "I4"})
  void theTypesOwnEncodingIsLossless(TensorType type) throws IOException {
    check(type, NEURONS,
        FfnEncoding.of(List.of(type), List.of(type), List.of(type), HIDDEN).format());
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = {"F32", "F16", "BF16", "I8", "U4", "I4"})
  void soIsTheOneItSharesWithOtherLayers(TensorType type) throws IOException {
    FfnEncoding mixed =
        FfnEncoding.of(
            List.of(type), List.of(type), List.of(type, TensorType.Q6_K), HIDDEN);
    assertEquals(TensorType.I8, mixed.format().down());
    assertEquals(16, mixed.format().blockNeurons());
    check(type, NEURONS, mixed.format());
  }

  /** Not a whole number of tiles. */
  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0", "Q4_1", "Q5_1", "IQ4_NL"})
  void neuronsNeedNotFillATile(TensorType type) throws IOException {
    check(type, 288, FfnEncoding.of(List.of(type), List.of(type), List.of(type), HIDDEN).format());
  }

  private static void check(TensorType type, int neurons, BundleFormat format)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      byte[] matrix = matrix(type, neurons);
      MemorySegment columns = arena.allocate((long) format.downBytes(HIDDEN) * neurons);
      DownColumns.Turned turned =
          DownColumns.turn(type, MemorySegment.ofArray(matrix), HIDDEN, neurons, format, 7,
              columns, arena);
      int groups = neurons / format.blockNeurons();
      float[] scales = values(turned.scales(), "layers.7.ffn.down.scales", groups);
      float[] mins = values(turned.scales(), "layers.7.ffn.down.mins", groups);
      float[] row = new float[neurons];
      for (int j = 0; j < HIDDEN; j++) {
        TensorDecoder.decode(
            type, MemorySegment.ofArray(matrix), j * type.bytes(neurons), row, 0, neurons);
        for (int i = 0; i < neurons; i++) {
          int at = i / format.blockNeurons() * HIDDEN + j;
          int quant = quant(format, columns, i, j);
          assertEquals(row[i], scales[at] * quant + mins[at], 0, type + " " + j + ", " + i);
          assertEquals(row[i], Math.fma(scales[at], quant, mins[at]), 0);
        }
      }
    }
  }

  private static int quant(BundleFormat format, MemorySegment columns, int neuron, int output) {
    long at = (long) neuron * format.downBytes(HIDDEN);
    if (format.down() == TensorType.I8) {
      return columns.get(ValueLayout.JAVA_BYTE, at + output);
    }
    return columns.get(ValueLayout.JAVA_BYTE, at + output / 2) >> 4 * (output % 2) & 15;
  }

  /** Decoded; zeros where a type has no minimums. */
  private static float[] values(List<ColumnScales> all, String name, int groups) {
    float[] values = new float[groups * HIDDEN];
    for (ColumnScales one : all) {
      if (one.name().equals(name)) {
        assertEquals(List.of(groups, HIDDEN), one.shape());
        TensorDecoder.decode(one.type(), one.data(), 0, values, 0, values.length);
      }
    }
    return values;
  }

  @Test
  void encodingsAreAsSmallAsTheyCanBe() {
    for (TensorType type : TensorType.values()) {
      if (type.isFloat()) {
        assertEquals(
            BundleFormat.of(type),
            FfnEncoding.of(List.of(type), List.of(type), List.of(type), HIDDEN).format());
      } else if (type != TensorType.I8 && type != TensorType.U4
          && type != TensorType.I4) {
        BundleFormat format =
            FfnEncoding.of(List.of(type), List.of(type), List.of(type), HIDDEN).format();
        assertEquals(type, format.up());
        assertEquals(ScaledBlocks.groupElements(type), format.blockNeurons());
      }
    }
    TensorType q4k = TensorType.Q4_K;
    FfnEncoding nibbles =
        FfnEncoding.of(
            List.of(q4k, q4k), List.of(q4k, q4k), List.of(TensorType.Q4_0, q4k), HIDDEN);
    assertEquals(new BundleFormat(q4k, q4k, TensorType.U4, 32), nibbles.format());
    FfnEncoding wide =
        FfnEncoding.of(
            List.of(q4k, TensorType.Q6_K), List.of(q4k, q4k), List.of(TensorType.F16, q4k),
            HIDDEN);
    assertEquals(new BundleFormat(TensorType.F16, q4k, TensorType.F32, 0), wide.format());
    assertEquals(1, wide.notes().size());
  }
}
