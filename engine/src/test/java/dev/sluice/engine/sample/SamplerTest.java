package dev.sluice.engine.sample;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.sluice.storage.FaultException;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SamplerTest {
  /**
   * Probabilities 0.5, 0.25, 0.125, 0.0625, 0.0625 in scrambled order: ids 3, 0, 4, then 1 and 2
   * alike.
   */
  private static final float[] HALVES = logits(0.25, 0.0625, 0.0625, 0.5, 0.125);

  private static float[] logits(double... probabilities) {
    float[] logits = new float[probabilities.length];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) (Math.log(probabilities[i]) + 3); // a shift changes nothing
    }
    return logits;
  }

  private static float[] randomLogits(Random random, int size) {
    float[] logits = new float[size];
    for (int i = 0; i < size; i++) {
      logits[i] = (float) random.nextGaussian() * 4;
    }
    return logits;
  }

  private static int[] counts(SamplingOptions options, float[] logits, int draws) {
    Sampler sampler = new Sampler(options, logits.length);
    int[] counts = new int[logits.length];
    for (int i = 0; i < draws; i++) {
      counts[sampler.next(logits)]++;
    }
    return counts;
  }

  private static Set<Integer> kept(SamplingOptions options, float[] logits) {
    int[] counts = counts(options, logits, 2000);
    Set<Integer> kept = new TreeSet<>();
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] > 0) {
        kept.add(i);
      }
    }
    return kept;
  }

  /**
   * Hand-computed from the probabilities above; 2,000 draws miss a token of 6 % with a chance of
   * 1e-54.
   */
  @ParameterizedTest
  @CsvSource({
    "0, 1, 0, 01234", //
    "2, 1, 0, 03",
    "4, 1, 0, 0134", // of two alike, the lower id
    "9, 1, 0, 01234",
    "0, 0.49, 0, 3",
    "0, 0.51, 0, 03", // the token that crosses the sum is kept
    "0, 0.8, 0, 034",
    "0, 0.9, 0, 0134",
    "0, 1e-9, 0, 3", // at least one
    "3, 0.6, 0, 03", // top-p counts within top-k: 0.571, 0.857
    "3, 0.56, 0, 3", // the same without top-k would keep two
    "0, 1, 0.4, 03", // at least 0.2
    "0, 1, 0.2, 034",
    "0, 1, 0.1, 01234",
    "0, 1, 1, 3",
    "0, 0.8, 0.4, 03",
    "2, 1, 0.2, 03"
  })
  void filtersKeepWhatTheyShould(int topK, double topP, double minP, String ids) {
    Set<Integer> expected = new TreeSet<>();
    ids.chars().forEach(c -> expected.add(c - '0'));
    for (double temperature : new double[] {1, 3}) { // last of all, so it does not change what is kept
      assertEquals(expected, kept(new SamplingOptions(temperature, topK, topP, minP, 8), HALVES));
    }
  }

  /**
   * Pearson's statistic against the exact distribution: with 4 degrees of freedom 26.1 is passed 3
   * times in 10^5.
   */
  @ParameterizedTest
  @CsvSource({"1, 0, 1", "0.5, 0, 1", "2, 0, 1", "1, 3, 1", "0.7, 5, 0.9"})
  void drawsFollowTheDistribution(double temperature, int topK, double topP) {
    int draws = 100_000;
    double[] expected = new double[HALVES.length];
    Set<Integer> kept = kept(new SamplingOptions(temperature, topK, topP, 0, 1), HALVES);
    double sum = 0;
    for (int id : kept) {
      expected[id] = Math.exp(HALVES[id] / temperature);
      sum += expected[id];
    }
    int[] counts = counts(new SamplingOptions(temperature, topK, topP, 0, 77), HALVES, draws);
    double statistic = 0;
    for (int id = 0; id < counts.length; id++) {
      double mean = draws * expected[id] / sum;
      if (mean == 0) {
        assertEquals(0, counts[id]);
      } else {
        statistic += (counts[id] - mean) * (counts[id] - mean) / mean;
      }
    }
    assertTrue(statistic < 26.1, "chi-square " + statistic);
  }

  @Test
  void greedyAndTopOneAgree() {
    Random random = new Random(4);
    Sampler greedy = new Sampler(SamplingOptions.greedy(), 500);
    Sampler topOne = new Sampler(new SamplingOptions(1.5, 1, 0.9, 0.1, 3), 500);
    Sampler cold = new Sampler(new SamplingOptions(1e-300, 0, 1, 0, 3), 500);
    for (int i = 0; i < 200; i++) {
      float[] logits = randomLogits(random, 500);
      int best = greedy.next(logits);
      for (float logit : logits) {
        assertTrue(logit <= logits[best]);
      }
      assertEquals(best, topOne.next(logits));
      assertEquals(best, cold.next(logits));
    }
  }

  @Test
  void lowestIdWinsTies() {
    assertEquals(1, Sampler.mostLikely(new float[] {0, 2, 2, 1}));
    assertEquals(0, Sampler.mostLikely(new float[] {-0f, 0f}));
    assertEquals(2, Sampler.mostLikely(new float[] {Float.NEGATIVE_INFINITY, -3e38f, -2e38f}));
    assertEquals(Set.of(0, 1), kept(new SamplingOptions(1, 2, 1, 0, 1), new float[] {-0f, 0f, 0f}));
  }

  /** The filters' kept sets equal those of a plain sort, on a vocabulary of the usual size. */
  @Test
  void largeVocabulary() {
    float[] logits = randomLogits(new Random(6), 128_000);
    for (int i = 0; i < logits.length; i++) {
      logits[i] /= 4; // flat enough for a nucleus of thousands
    }
    Integer[] order = new Integer[logits.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, (a, b) -> Float.compare(logits[b], logits[a]));
    double total = 0;
    for (float logit : logits) {
      total += Math.exp(logit);
    }
    double sum = 0;
    int nucleus = 0;
    while (sum < 0.3 * total) {
      sum += Math.exp(logits[order[nucleus++]]);
    }
    Set<Integer> top = new TreeSet<>(Arrays.asList(order).subList(0, nucleus));
    Sampler sampler = new Sampler(new SamplingOptions(1, 0, 0.3, 0, 9), logits.length);
    Set<Integer> seen = new TreeSet<>();
    for (int i = 0; i < 100; i++) {
      seen.add(sampler.next(logits));
    }
    assertTrue(top.containsAll(seen), "only from the nucleus of " + nucleus);
    assertTrue(seen.size() > 50, seen.size() + " different");
  }

  /** Frozen: a change means that every user's seeded output changes. */
  @Test
  void seedsGiveTheSameTokensEverywhere() {
    float[] logits = randomLogits(new Random(1), 1000);
    assertArrayEquals(
        new int[] {21, 198, 21, 737, 812, 784, 21, 737},
        tokens(SamplingOptions.usual(123), logits));
    assertArrayEquals(
        new int[] {21, 198, 21, 737, 591, 919, 44, 737},
        tokens(new SamplingOptions(1, 0, 1, 0, 123), logits));
    assertNotEquals(
        Arrays.toString(tokens(SamplingOptions.usual(123), logits)),
        Arrays.toString(tokens(SamplingOptions.usual(124), logits)));
  }

  private static int[] tokens(SamplingOptions options, float[] logits) {
    Sampler sampler = new Sampler(options, logits.length);
    int[] tokens = new int[8];
    Arrays.setAll(tokens, i -> sampler.next(logits));
    return tokens;
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void brokenLogitsAreAFault(float broken) {
    for (SamplingOptions options : new SamplingOptions[] {SamplingOptions.greedy(),
      SamplingOptions.usual(1)}) {
      Sampler sampler = new Sampler(options, 3);
      String message =
          assertThrows(FaultException.class, () -> sampler.next(new float[] {0, broken, 1}))
              .getMessage();
      assertTrue(message.contains("token 1"), message);
      float none = Float.NEGATIVE_INFINITY;
      assertThrows(FaultException.class, () -> sampler.next(new float[] {none, none, none}));
    }
  }

  @Test
  void tokensRuledOutNeverCome() {
    float out = Float.NEGATIVE_INFINITY;
    float[] logits = {out, 1, out, 1, out};
    assertEquals(Set.of(1, 3), kept(new SamplingOptions(5, 0, 1, 0, 2), logits));
    assertEquals(Set.of(1, 3), kept(new SamplingOptions(5, 4, 1, 0, 2), logits));
    assertEquals(Set.of(1, 3), kept(new SamplingOptions(5, 4, 0.999, 0.01, 2), logits));
  }

  @Test
  void wrongNumberOfLogitsIsACallersMistake() {
    Sampler sampler = new Sampler(SamplingOptions.greedy(), 3);
    assertThrows(IllegalArgumentException.class, () -> sampler.next(new float[2]));
    assertThrows(IllegalArgumentException.class, () -> new Sampler(SamplingOptions.greedy(), 0));
  }

  @Test
  void nothingIsAllocatedPerToken() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    float[] logits = randomLogits(new Random(2), 32_000);
    Sampler sampler = new Sampler(SamplingOptions.usual(5), logits.length);
    for (int i = 0; i < 200; i++) {
      sampler.next(logits);
    }
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < 200; i++) {
      sampler.next(logits);
    }
    long bytesPerToken = (threads.getCurrentThreadAllocatedBytes() - before) / 200;
    assertTrue(bytesPerToken < 64, bytesPerToken + " bytes a token");
  }
}
