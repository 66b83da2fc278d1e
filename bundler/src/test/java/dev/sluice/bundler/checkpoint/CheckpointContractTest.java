package dev.sluice.bundler.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.ModelSpec.AttentionForm;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scaling;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A folder and the GGUF file converted from it are the same model, to the bit. */
class CheckpointContractTest {
  private static final Path HF =
      Path.of(System.getProperty("sluice.root")).resolve("fixtures/hf");

  @TempDir
  Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "arcee-relu2", "llama-silu", "llama-llama3rope", "llama-yarn", "qwen2", "qwen3", "nemotron"
      })
  void bothReadersGiveTheSameModel(String name) throws IOException {
    Path gguf =
        Files.write(folder.resolve("m.gguf"), GgufOfFolder.convert(HF.resolve(name)).bytes());
    try (Checkpoint one = Checkpoint.open(HF.resolve(name));
        Checkpoint other = Checkpoint.open(gguf)) {
      assertEquals(one.spec(), other.spec());
      assertSameWeights(one, other);
      assertEquals(64, other.configDigest().length());
      assertEquals(gguf, other.path());
    }
  }

  /** What these two have in common with published ones; their odd score scale and layers GGUF files cannot say. */
  @ParameterizedTest
  @ValueSource(strings = {"gemma2", "gemma3"})
  void gemmasTensorsCapsAndScalesAreFound(String name) throws IOException {
    Path gguf =
        Files.write(folder.resolve("m.gguf"), GgufOfFolder.convert(HF.resolve(name)).bytes());
    try (Checkpoint one = Checkpoint.open(HF.resolve(name));
        Checkpoint other = Checkpoint.open(gguf)) {
      assertSameWeights(one, other);
      assertEquals(one.spec().scales(), other.spec().scales());
      assertEquals(one.spec().activation(), other.spec().activation());
      assertEquals(one.spec().rope(), other.spec().rope());
      AttentionForm expected = one.spec().attention();
      AttentionForm found = other.spec().attention();
      assertEquals(expected.scoreCap(), found.scoreCap());
      assertEquals(0.25f, found.scoreScale()); // 1 / √16
      assertEquals(expected.window().positions(), found.window().positions());
      if (name.equals("gemma2")) {
        assertEquals(expected.window(), found.window());
      } else {
        assertEquals(List.of(0, 1, 2, 3), found.window().layers()); // the sixth would be full
        assertEquals(new Rope(10_000, 16, Scaling.NONE), found.window().rope());
      }
    }
  }

  private static void assertSameWeights(Checkpoint one, Checkpoint other) {
    assertEquals(List.of(), other.notes());
    assertEquals(List.of(), other.ignoredTensors());
    assertEquals(
        one.dense().stream().map(DenseWeight::name).sorted().toList(),
        other.dense().stream().map(DenseWeight::name).sorted().toList());
    for (DenseWeight weight : one.dense()) {
      DenseWeight same =
          other.dense().stream().filter(w -> w.name().equals(weight.name())).findFirst()
              .orElseThrow();
      assertEquals(weight.type(), same.type());
      assertEquals(weight.shape(), same.shape());
      try (Arena arena = Arena.ofConfined()) {
        assertArrayEquals(
            one.readDense(weight, arena).toArray(ValueLayout.JAVA_BYTE),
            other.readDense(same, arena).toArray(ValueLayout.JAVA_BYTE),
            weight.name());
        assertPiecesMakeWhole(one, weight, arena);
        assertPiecesMakeWhole(other, same, arena);
      }
    }
    for (int layer = 0; layer < one.spec().layers(); layer++) {
      assertSameBundles(one, other, layer);
    }
  }

  private static void assertPiecesMakeWhole(
      Checkpoint checkpoint, DenseWeight weight, Arena arena) {
    MemorySegment whole = checkpoint.readDense(weight, arena);
    int rows = Math.max(weight.rowsTogether(), 3);
    long at = 0;
    for (int row = 0; row < weight.rows(); row += rows) {
      MemorySegment piece =
          checkpoint.readDense(weight, row, Math.min(rows, weight.rows() - row), arena);
      assertEquals(
          -1, piece.mismatch(whole.asSlice(at, piece.byteSize())),
          weight.name() + " from row " + row);
      at += piece.byteSize();
    }
    assertEquals(whole.byteSize(), at, weight.name());
  }

  private static void assertSameBundles(Checkpoint one, Checkpoint other, int layer) {
    try (Arena arena = Arena.ofConfined()) {
      FfnWeights left = one.readFfn(layer, arena);
      FfnWeights right = other.readFfn(layer, arena);
      assertEquals(List.of(), left.scales());
      assertEquals(List.of(), right.scales());
      MemorySegment a = arena.allocate(one.spec().bundleBytes());
      MemorySegment b = arena.allocate(one.spec().bundleBytes());
      for (int neuron = 0; neuron < one.spec().feedForward(); neuron++) {
        left.copyBundle(neuron, a);
        right.copyBundle(neuron, b);
        assertEquals(-1, a.mismatch(b), "layer " + layer + ", neuron " + neuron);
      }
    }
  }

  @Test
  void whatIsNeitherFolderNorFileIsRefused() {
    String message =
        assertThrows(
            BadInputException.class, () -> Checkpoint.open(folder.resolve("absent"))).getMessage();
    assertTrue(message.contains("absent"), message);
  }
}
