package dev.sluice.engine.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RiseBracketTest {
  private static final int STEPS = 32;
  private static final double LIMIT = 0.01;
  private static final int MOST_TRIES = 8;

  private static List<Integer> tries(IntToDoubleFunction rise) {
    List<Integer> tried = new ArrayList<>();
    RiseBracket bracket = new RiseBracket(STEPS, LIMIT);
    while (!bracket.isClosed()) {
      int step = bracket.next();
      tried.add(step);
      bracket.found(step, rise.applyAsDouble(step));
    }
    tried.add(bracket.low());
    return tried;
  }

  /**
   * A rise of (step / 10.4)² per cent: 12 of 32 steps are 1.33 %, too much. The line through the square roots 0 and 1.154 says 10.4, so
   * 10 is next, 0.92 %, and then only 11 is left to guess: 1.12 %.
   */
  @Test
  void aSquareIsFoundInThreeTries() {
    assertEquals(List.of(12, 10, 11, 10),
        tries(step -> LIMIT * (step / 10.4) * (step / 10.4)));
  }

  /** Every place where a rising curve can pass the limit, none and the first step among them, for powers far from 2. */
  @ParameterizedTest
  @ValueSource(doubles = {0.3, 1, 2, 3, 9})
  void theLastStepWithinTheLimitIsFoundWhereverItIs(double power) {
    for (int last = 0; last < STEPS; last++) {
      double passes = last + 0.5;
      List<Integer> tried = tries(step -> LIMIT * Math.pow(step / passes, power));
      assertEquals(last, tried.removeLast());
      assertTrue(tried.size() <= MOST_TRIES, "tried " + tried);
      assertEquals(tried.size(), tried.stream().distinct().count(), "tried twice: " + tried);
    }
  }

  /** Perplexity may fall at first, jump, or be no number: it always ends, at a step that holds before one that does not. */
  @Test
  void anyCurveEndsBetweenOneThatHoldsAndOneThatDoesNot() {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(7);
    for (int round = 0; round < 2_000; round++) {
      double[] rises = IntStream.rangeClosed(0, STEPS)
          .mapToDouble(_ -> random.nextInt(20) == 0 ? Double.NaN
              : LIMIT * 2 * (random.nextDouble() - 0.4))
          .toArray();
      List<Integer> tried = tries(step -> rises[step]);
      int low = tried.removeLast();
      assertTrue(tried.size() <= MOST_TRIES, "tried " + tried);
      assertTrue(low == 0 || rises[low] <= LIMIT && tried.contains(low));
      assertTrue(low == STEPS - 1 || !(rises[low + 1] <= LIMIT) && tried.contains(low + 1));
    }
  }
}
