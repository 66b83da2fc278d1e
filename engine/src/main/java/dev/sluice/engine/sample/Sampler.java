package dev.sluice.engine.sample;

import dev.sluice.storage.FaultException;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Draws tokens from logits. Filters apply in llama.cpp's order: top-k, then top-p and min-p on the
 * probabilities at temperature 1, and temperature last, on what is left; at least one token always
 * is. Equal logits rank by id, lowest first.
 *
 * <p>The same options and logits give the same tokens on every JVM and machine: the generator is
 * L64X128MixRandom, one draw for each token unless greedy, and exponentials are {@link
 * StrictMath}'s. Nothing is allocated per token. One thread at a time.
 */
public final class Sampler {
  /** Below exp(-60) a weight is lost in the rounding of a sum that holds a 1, even 2^20 times. */
  private static final double NEGLIGIBLE = -60;

  private final SamplingOptions options;
  private final RandomGenerator random;
  private final long[] ranked; // inverted entries: a heap, and behind it what was taken, best last
  private final double[] weights; // of the tokens that passed
  private int candidates; // how many of ranked count

  /**
   * @param vocabulary number of logits that {@link #next} will be given
   */
  public Sampler(SamplingOptions options, int vocabulary) {
    if (vocabulary < 1) {
      throw new IllegalArgumentException("vocabulary " + vocabulary);
    }
    this.options = options;
    this.random = RandomGeneratorFactory.of("L64X128MixRandom").create(options.seed());
    this.ranked = new long[vocabulary];
    this.weights = new double[vocabulary];
  }

  /**
   * Chooses the next token.
   *
   * @param logits one per token of the vocabulary; negative infinity rules a token out; not changed
   * @return the token's id
   * @throws FaultException when a logit is not a number or is positive infinity, or all tokens are
   *     ruled out
   */
  public int next(float[] logits) {
    if (logits.length != ranked.length) {
      throw new IllegalArgumentException(
          logits.length + " logits for a vocabulary of " + ranked.length);
    }
    int best = mostLikely(logits);
    if (options.temperature() == 0 || options.topK() == 1) {
      return best;
    }
    double max = logits[best];
    if (options.topK() == 0 && options.topP() == 1 && options.minP() == 0) {
      return draw(logits, max, logits.length, From.ALL);
    }
    rank(logits, max);
    return draw(logits, max, filter(logits, max), From.TAKEN);
  }

  /**
   * The id of the largest logit, the lowest id among equals.
   *
   * @throws FaultException as {@link #next}
   */
  public static int mostLikely(float[] logits) {
    int best = -1;
    float largest = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < logits.length; i++) {
      float logit = logits[i];
      if (!(logit < Float.POSITIVE_INFINITY)) {
        throw new FaultException(
            "logits",
            "token " + i + " has logit " + logit,
            "check the store with verify; its weights may be damaged");
      }
      if (logit > largest) {
        largest = logit;
        best = i;
      }
    }
    if (best < 0) {
      throw new FaultException(
          "logits",
          "no token is possible",
          "check the store with verify; its weights may be damaged");
    }
    return best;
  }

  /** What is drawn from: every token in order of ids, or those that {@link #filter} took. */
  private enum From {
    ALL,
    TAKEN
  }

  /**
   * Leaves in {@code ranked[0..candidates)} what top-k keeps, as a heap with the most likely on
   * top.
   */
  private void rank(float[] logits, double max) {
    candidates = 0;
    if (options.topK() > 0 && options.topK() < logits.length) {
      selectTop(logits, options.topK());
    } else {
      double least = leastThatCanStay(max);
      for (int i = 0; i < logits.length; i++) {
        if (logits[i] >= least) {
          ranked[candidates++] = ~entry(logits[i], i);
        }
      }
    }
    heapify(candidates);
  }

  /**
   * Top-k by a heap of the k best so far, the least likely of them on top: most tokens cost one
   * comparison.
   */
  private void selectTop(float[] logits, int k) {
    for (int i = 0; i < k; i++) {
      ranked[i] = entry(logits[i], i);
    }
    heapify(k);
    for (int i = k; i < logits.length; i++) {
      long entry = entry(logits[i], i);
      if (entry > ranked[0]) {
        sink(0, k, entry);
      }
    }
    for (int i = 0; i < k; i++) {
      ranked[i] = ~ranked[i];
    }
    candidates = k;
  }

  /**
   * A logit below which no token can pass the filters, so that it need not be ranked: min-p's own
   * limit, or, for top-p, a probability so low that even a whole vocabulary of such tokens is less
   * than the share that top-p drops.
   */
  private double leastThatCanStay(double max) {
    double dropped =
        (1 - options.topP()) / 2 / ranked.length; // halved against rounding; 0 when top-p is off
    return max + StrictMath.log(Math.max(options.minP(), dropped));
  }

  /** Sorts like the logit, and among equal ones puts lower ids higher. */
  private static long entry(float logit, int id) {
    int bits = Float.floatToRawIntBits(logit + 0f); // + 0 makes the two zeros equal
    long order = bits ^ bits >> 31 & Integer.MAX_VALUE; // as an int, sorts like the float
    return order << 32 | Integer.MAX_VALUE - id;
  }

  private static int idOf(long rankedEntry) {
    return Integer.MAX_VALUE - (int) ~rankedEntry;
  }

  private void heapify(int size) {
    for (int i = size / 2 - 1; i >= 0; i--) {
      sink(i, size, ranked[i]);
    }
  }

  /** Puts {@code entry} into the heap of {@code size}, smallest on top, at {@code at} or below. */
  private void sink(int at, int size, long entry) {
    while (2 * at + 1 < size) {
      int child = 2 * at + 1;
      if (child + 1 < size && ranked[child + 1] < ranked[child]) {
        child++;
      }
      if (ranked[child] >= entry) {
        break;
      }
      ranked[at] = ranked[child];
      at = child;
    }
    ranked[at] = entry;
  }

  /**
   * Moves the {@code n}-th most likely token from the heap to just behind it, see {@link #taken}.
   */
  private void take(int n) {
    int last = candidates - 1 - n;
    long top = ranked[0];
    sink(0, last, ranked[last]);
    ranked[last] = top;
  }

  private int taken(int n) {
    return idOf(ranked[candidates - 1 - n]);
  }

  /** Takes what passes top-p and min-p, the most likely first; returns how many did. */
  private int filter(float[] logits, double max) {
    double least = max + StrictMath.log(options.minP()); // negative infinity when off
    double share =
        options.topP() == 1 ? Double.POSITIVE_INFINITY : options.topP() * total(logits, max);
    double sum = 0;
    int kept = 0;
    while (kept < candidates && (kept == 0 || sum < share)) {
      take(kept);
      float logit = logits[taken(kept)];
      if (kept > 0 && logit < least) {
        break;
      }
      sum += weight(logit - max);
      kept++;
    }
    return kept;
  }

  /** The sum that top-p is a share of: over what top-k kept. */
  private double total(float[] logits, double max) {
    double total = 0;
    if (options.topK() > 0 && options.topK() < logits.length) {
      for (int i = 0; i < candidates; i++) {
        total += weight(logits[idOf(ranked[i])] - max);
      }
    } else {
      for (float logit : logits) {
        total += weight(logit - max);
      }
    }
    return total;
  }

  private int draw(float[] logits, double max, int count, From from) {
    double total = 0;
    for (int i = 0; i < count; i++) {
      weights[i] = weight((logits[token(i, from)] - max) / options.temperature());
      total += weights[i];
    }
    double left = (random.nextLong() >>> 11) * 0x1.0p-53 * total; // uniform in [0, total)
    int last = 0;
    for (int i = 0; i < count; i++) {
      if (weights[i] > 0) {
        last = i;
        left -= weights[i];
        if (left < 0) {
          break;
        }
      }
    }
    return token(last, from); // rounding may leave a little: the last possible token takes it
  }

  private int token(int i, From from) {
    return from == From.ALL ? i : taken(i);
  }

  private static double weight(double exponent) {
    return exponent < NEGLIGIBLE ? 0 : StrictMath.exp(exponent);
  }
}
