package dev.sluice.storage.trace;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files of version 1 as they were first written. They are never made anew: code changes, these do not. */
class TraceFrozenTest {
  @TempDir
  Path folder;

  private Path frozen(String name) throws IOException {
    Path file = folder.resolve(name);
    try (InputStream in = TraceFrozenTest.class.getResourceAsStream("/trace-v1/" + name)) {
      Files.write(file, in.readAllBytes());
    }
    return file;
  }

  /** The frozen trace's rule: neuron n fires at token t of layer l when 7 divides l + 3t + n, with (n + 1) · 2^(l - t / 4). */
  static float magnitude(int layer, int token, int neuron) {
    return (layer + 3 * token + neuron) % 7 == 0
        ? (float) Math.scalb(neuron + 1.0, layer - token / 4)
        : 0;
  }

  @Test
  void version1IsReadForEver() throws IOException {
    try (TraceReader reader = TraceReader.open(frozen("valid.trace"))) {
      assertEquals(
          new TraceHeader("store", "text", 2, 70, 40, 16, "output", "dense"), reader.header());
      assertEquals("280a97c3766066a6d5f4784e142ef7ceb6799b4b48c4a99ff067729f00ff34d2",
          reader.digest());
      for (int layer = 0; layer < 2; layer++) {
        for (int c = 0; c < reader.chunkCount(layer); c++) {
          TraceChunk chunk = reader.read(layer, c, null);
          for (int t = 0; t < chunk.tokens(); t++) {
            for (int n = 0; n < 70; n++) {
              float expected = magnitude(layer, reader.header().firstToken(c) + t, n);
              assertEquals(expected, chunk.magnitude(t, n), "layer " + layer + " neuron " + n);
            }
          }
        }
      }
      assertEquals(List.of("note"), reader.blobKeys());
      assertArrayEquals(
          "frozen".getBytes(StandardCharsets.UTF_8), reader.blob("note").orElseThrow());
      reader.verify();
    }
  }

  @Test
  void corruptVersion1IsRefusedForEver() throws IOException {
    assertRefused("unfinished.trace.partial", "unfinished");
    assertRefused("flipped-chunk.trace", "layer 0 chunk 0");
    assertRefused("flipped-header.trace", "header");
    assertRefused("flipped-index.trace", "index");
    assertRefused("version-2.trace", "version 2");
  }

  private void assertRefused(String name, String where) throws IOException {
    Path file = frozen(name);
    BadInputException refused =
        assertThrows(
            BadInputException.class,
            () -> {
              try (TraceReader reader = TraceReader.open(file)) {
                reader.read(0, 0, null);
              }
            });
    assertTrue(refused.getMessage().contains(where), refused.getMessage());
  }
}
