package dev.sluice.bundler.checkpoint;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.sluice.bundler.checkpoint.gguf.GgufBytes;
import dev.sluice.bundler.checkpoint.gguf.GgufFile;
import dev.sluice.bundler.checkpoint.gguf.GgufFuzz;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Damaged files end in one line, whatever the damage, and take no memory that the file could not fill. */
class GgufFuzzTest {
  private static final Path FIXTURES =
      Path.of(System.getProperty("sluice.root")).resolve("fixtures/gguf");
  private static final long SEED = 20_250_801;

  /** All that is allocated in the heap, garbage included: a header's strings as objects and as JSON. */
  private static final long HEAP_PER_FILE_BYTE = 10;

  private static final long HEAP_BYTES = 1 << 19;

  /**
   * What is in memory at a time, a resident tensor or a layer's FFN, whose down lies there twice. Each of these requests alone is
   * smaller than the file.
   */
  private static final long WEIGHT_BYTES_PER_FILE_BYTE = 1;

  private static final ThreadMXBean THREADS =
      (ThreadMXBean) ManagementFactory.getThreadMXBean();

  @TempDir
  Path folder;

  /** Small, so that damage hits its structure, and quick to read. */
  @Test
  void aTinyFileDamagedEndsInOneLine() throws IOException {
    fuzz(tiny(), 3000);
  }

  @ParameterizedTest
  @ValueSource(strings = {"arcee-q8_0", "llama-q4_0", "qwen2-q8_0"})
  void aDamagedFixtureEndsInOneLine(String name) throws IOException {
    fuzz(fixture(name), 50);
  }

  @Test
  @Tag("long")
  void manyDamagedFilesEndInOneLine() throws IOException {
    fuzz(tiny(), 200_000);
    for (String name : List.of("arcee-q8_0", "llama-q4_0", "qwen2-q8_0")) {
      fuzz(fixture(name), 10_000);
    }
  }

  private static Path fixture(String name) {
    return FIXTURES.resolve(name).resolve("model.gguf");
  }

  private Path tiny() throws IOException {
    GgufBytes gguf =
        GgufOfFolder.convert(CheckpointFolder.llama().write(folder.resolve("tiny")));
    gguf.text("tokenizer.ggml.model", "llama");
    gguf.strings(
        "tokenizer.ggml.tokens", List.of("<unk>", "<s>", "</s>", "a", "b", "ab", "\u2581", "c"));
    gguf.int32s("tokenizer.ggml.token_type", 2, 3, 3, 1, 1, 1, 1, 4);
    gguf.floats("tokenizer.ggml.scores", 0, 0, 0, -1, -2, -3, -4, -5);
    gguf.uint32("tokenizer.ggml.bos_token_id", 1);
    return Files.write(folder.resolve("tiny.gguf"), gguf.bytes());
  }

  private void fuzz(Path source, int rounds) throws IOException {
    byte[] sound = Files.readAllBytes(source);
    readWhole(source);
    GgufFuzz fuzz = new GgufFuzz(SEED, headerBytes(source));
    int refused = 0;
    for (int round = 0; round < rounds; round++) {
      String where = source.getFileName() + ", seed " + SEED + ", round " + round;
      Path file = Files.write(folder.resolve("x.gguf"), fuzz.damage(sound));
      long before = THREADS.getCurrentThreadAllocatedBytes();
      Metered weights = new Metered(Files.size(file));
      try {
        readWhole(file, weights);
      } catch (BadInputException | FaultException e) {
        assertFalse(e.getMessage().contains("\n"), where);
        assertTrue(e.getMessage().contains("x.gguf"), where + ": " + e.getMessage());
        refused++;
      } catch (Throwable e) {
        throw new AssertionError(where, e);
      }
      long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
      assertTrue(allocated < HEAP_BYTES + HEAP_PER_FILE_BYTE * Files.size(file),
          where + " allocated " + allocated);
    }
    assertTrue(refused > rounds / 4 && refused < rounds, refused + " of " + rounds + " refused");
  }

  private static int headerBytes(Path file) {
    try (GgufFile opened = GgufFile.open(file)) {
      return opened.tensors().values().stream()
          .mapToInt(tensor -> (int) tensor.offsetBytes())
          .min()
          .orElseThrow();
    }
  }

  private static void readWhole(Path file) {
    readWhole(file, new Metered(Long.MAX_VALUE / 16));
  }

  private static void readWhole(Path file, Metered weights) {
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      checkpoint.tokenizerJson();
      for (DenseWeight weight : checkpoint.dense()) {
        try (Arena arena = Arena.ofConfined()) {
          checkpoint.readDense(weight, weights.in(arena));
        }
      }
      for (int layer = 0; layer < checkpoint.spec().layers(); layer++) {
        try (Arena arena = Arena.ofConfined()) {
          checkpoint.readFfn(layer, weights.in(arena));
        }
      }
    }
  }

  /** Refuses memory, before it is taken, beyond what a file may ask for. */
  private static final class Metered {
    private final long fileBytes;

    Metered(long fileBytes) {
      this.fileBytes = fileBytes;
    }

    /** For what lies in memory at one time. */
    SegmentAllocator in(Arena arena) {
      long[] heldBytes = new long[1];
      return (bytes, alignment) -> {
        heldBytes[0] += bytes;
        if (bytes > fileBytes || heldBytes[0] > WEIGHT_BYTES_PER_FILE_BYTE * fileBytes) {
          throw new AssertionError(
              bytes + " bytes of weights, " + heldBytes[0] + " with those before, for a file of "
                  + fileBytes);
        }
        return arena.allocate(bytes, alignment);
      };
    }
  }
}
