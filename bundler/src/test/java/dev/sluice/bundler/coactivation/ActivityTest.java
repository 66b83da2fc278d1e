package dev.sluice.bundler.coactivation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.storage.trace.TraceChunk;
import dev.sluice.storage.trace.TraceHeader;
import dev.sluice.storage.trace.TraceReader;
import dev.sluice.storage.trace.TraceWriter;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ActivityTest {
  private static final int LAYERS = 2;
  private static final int NEURONS = 70;
  private static final int TOKENS = 50;
  private static final int WINDOW = 16;

  @TempDir
  Path folder;
  private final float[][][] magnitudes = new float[LAYERS][TOKENS][NEURONS];
  private Path file;

  @BeforeEach
  void trace() {
    SplittableRandom random = new SplittableRandom(31);
    file = folder.resolve("trace");
    TraceHeader header =
        new TraceHeader("s", "t", LAYERS, NEURONS, TOKENS, WINDOW, "output", "dense");
    try (TraceWriter writer = TraceWriter.open(file, header, TraceWriter.Existing.REFUSE)) {
      TraceChunk chunk = new TraceChunk(WINDOW, NEURONS);
      for (int layer = 0; layer < LAYERS; layer++) {
        for (int c = 0; c < header.chunksPerLayer(); c++) {
          chunk.clear(header.tokensOf(c));
          for (int t = 0; t < chunk.tokens(); t++) {
            for (int n = 0; n < NEURONS; n++) {
              // Powers of two, which the trace keeps exactly.
              if (random.nextInt(5) == 0) {
                float magnitude = Math.scalb(1f, random.nextInt(-3, 4));
                magnitudes[layer][header.firstToken(c) + t][n] = magnitude;
                chunk.fire(t, n, magnitude);
              }
            }
          }
          writer.append(layer, header.firstToken(c), chunk);
        }
        writer.endLayer(layer, new byte[0]);
      }
      writer.finish();
    }
  }

  private boolean wanted(int layer, int token, int neuron, FiringRule rule) {
    if (!active(layer, token, neuron, rule)) {
      return false;
    }
    for (int t = Math.max(0, token - rule.windowTokens()); t < token; t++) {
      if (active(layer, t, neuron, rule)) {
        return false;
      }
    }
    return true;
  }

  private boolean active(int layer, int token, int neuron, FiringRule rule) {
    float magnitude = magnitudes[layer][token][neuron];
    return magnitude > 0 && magnitude >= rule.floor();
  }

  @Test
  void rangeFloorAndWindowSelectWhatTheySay() {
    FiringRule[] rules = {
      FiringRule.ALL, new FiringRule(1, 0), new FiringRule(0, 1), new FiringRule(0.5f, 5)
    };
    TokenRange[] ranges =
        {new TokenRange(0, TOKENS), new TokenRange(3, 17), new TokenRange(30, 50)};
    try (TraceReader reader = TraceReader.open(file)) {
      for (FiringRule rule : rules) {
        for (TokenRange range : ranges) {
          for (int layer = 0; layer < LAYERS; layer++) {
            Activity activity = Activity.read(reader, layer, range, rule);
            assertEquals(range.tokens(), activity.tokens());
            for (int t = 0; t < range.tokens(); t++) {
              for (int n = 0; n < NEURONS; n++) {
                boolean fires = (activity.word(t, n / 64) >>> n & 1) == 1;
                assertEquals(
                    wanted(layer, range.first() + t, n, rule),
                    fires,
                    rule + " " + range + " token " + t + " neuron " + n);
              }
            }
          }
        }
      }
      assertThrows(
          IllegalArgumentException.class,
          () -> Activity.read(reader, 0, new TokenRange(0, TOKENS + 1), FiringRule.ALL));
    }
  }

  @Test
  void splitsFallOnWindows() {
    TokenRange[] halves = new TokenRange(32, 132).split(0.7, 16);
    assertEquals(new TokenRange(32, 96), halves[0]);
    assertEquals(new TokenRange(96, 132), halves[1]);
  }
}
