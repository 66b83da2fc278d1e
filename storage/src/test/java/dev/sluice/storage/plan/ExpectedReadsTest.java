package dev.sluice.storage.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.plan.ReadPlanner.Limits;
import java.lang.foreign.Arena;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against what the planner does with misses drawn independently. */
class ExpectedReadsTest {
  private static final int BUNDLES = 2000;
  private static final int TOKENS = 400;

  @ParameterizedTest
  @CsvSource({"5440,-1,0.03", "5440,16384,0.03", "4096,0,0.2", "1008,16384,0.01", "512,4096,0.05",
    "10240,16384,0.6"})
  void agreesWithTheMeanOfManyPlans(int stride, int gap, float share) {
    Random random = new Random(5);
    Limits limits = new Limits(4096, gap, 1 << 24);
    float[] rates = new float[BUNDLES];
    for (int p = 0; p < BUNDLES; p++) {
      rates[p] = random.nextInt(3) == 0 ? 0 : Math.min(1, 2 * share * random.nextFloat());
    }
    double misses = 0;
    double requests = 0;
    double bytes = 0;
    try (Arena arena = Arena.ofConfined()) {
      ReadBatch batch = new ReadBatch(arena.allocate(64L << 20));
      ReadPlanner planner = new ReadPlanner(limits);
      for (int token = 0; token < TOKENS; token++) {
        planner.clear();
        for (int p = 0; p < BUNDLES; p++) {
          if (random.nextFloat() < rates[p]) {
            planner.want((long) p * stride, stride);
            misses++;
          }
        }
        planner.fill(batch);
        requests += batch.size();
        for (int i = 0; i < batch.size(); i++) {
          bytes += batch.lengthBytes(i);
        }
      }
    }
    ExpectedReads expected = ExpectedReads.of(new float[][] {rates}, stride, limits);
    assertEquals(misses / TOKENS, expected.misses(), 0.03 * expected.misses());
    assertEquals(requests / TOKENS, expected.requests(), 0.03 * expected.requests());
    assertEquals(bytes / TOKENS, expected.bytes(), 0.03 * expected.bytes());
  }

  @Test
  void whatIsResidentIsNeverRead() {
    ExpectedReads none =
        ExpectedReads.of(new float[3][100], 5440, new Limits(4096, 16384, 1 << 19));
    assertEquals(new ExpectedReads(0, 0, 0), none);
  }
}
