package dev.sluice.bench.impose;

import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.ModelSpec;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Names what a dense run recorded, less a share of it and with false alarms, at the cost of a real predictor that runs
 * beside it and is not listened to. Rates as published for LLM in a flash: 5 % of active neurons missed, false alarms 7 % as
 * many as active neurons. Misses are independent; false alarms fall on silent neurons in proportion to how often they fire.
 * Goes through the recorded tokens in order, so it belongs to one session, which it must see from its first single token on.
 */
public final class ImposedPredictor implements ActivePredictor {
  private static final int MOST_TRIES = 1 << 20;

  private final ActivePredictor real;
  private final DenseFirings firings;
  private final int neurons;
  private final int layers;
  private final int firstToken;
  private final Rates rates;
  private final float[][] frequency; // layer, then neuron: share of recorded tokens at which it fires
  private final float[] highest; // of a layer's frequencies
  private int token;
  private int read = -1; // the token whose row the firings have

  /**
   * What a predictor gets wrong.
   *
   * @param missed share of active neurons that are not named
   * @param falseAlarms neurons named in vain, as a share of the active ones
   * @param seed of all draws
   */
  public record Rates(double missed, double falseAlarms, long seed) {
    /** As published for LLM in a flash. */
    public static Rates published(long seed) {
      return new Rates(0.05, 0.07, seed);
    }

    /** The same with another share of false alarms. */
    public Rates withFalseAlarms(double share) {
      return new Rates(missed, share, seed);
    }
  }

  /**
   * @param firings stays the caller's
   * @param firstToken recorded token at which single tokens begin
   * @param real pays the cost
   */
  public ImposedPredictor(
      DenseFirings firings, ModelSpec spec, int firstToken, Rates rates, ActivePredictor real) {
    this.real = real;
    this.firings = firings;
    this.neurons = spec.feedForward();
    this.layers = spec.layers();
    this.firstToken = firstToken;
    this.rates = rates;
    frequency = new float[layers][neurons];
    highest = new float[layers];
    for (int t = 0; t < firings.tokens(); t++) {
      firings.go(t);
      for (int layer = 0; layer < layers; layer++) {
        for (int i = 0; i < neurons; i++) {
          frequency[layer][i] += firings.bits(layer, i >>> 6) >>> i & 1;
        }
      }
    }
    for (int layer = 0; layer < layers; layer++) {
      for (int i = 0; i < neurons; i++) {
        frequency[layer][i] /= firings.tokens();
        highest[layer] = Math.max(highest[layer], frequency[layer][i]);
      }
    }
  }

  /** Heap that an instance takes. */
  public static long heapBytes(ModelSpec spec) {
    return (long) Float.BYTES * spec.layers() * spec.feedForward();
  }

  @Override
  public String name() {
    return "imposed on " + real.name();
  }

  @Override
  public PredictorInput input() {
    return real.input();
  }

  @Override
  public long residentBytes() {
    return real.residentBytes();
  }

  @Override
  public void predict(
      int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch) {
    if (count != 1) {
      throw new IllegalArgumentException("imposed names are for single tokens");
    }
    real.predict(layer, normed, offset, count, predicted, scratch);
    name(layer, predicted);
    if (layer == layers - 1) {
      token++;
    }
  }

  /** Draws the token's names of one layer. */
  private void name(int layer, byte[] names) {
    if (read != token) {
      firings.go(firstToken + token);
      read = token;
    }
    Arrays.fill(names, (byte) 0);
    SplittableRandom random =
        new SplittableRandom(
            rates.seed ^ ((long) token * layers + layer) * 0x9E3779B97F4A7C15L);
    addFalseAlarms(layer, addActive(layer, random, names), random, names);
  }

  /**
   * Names what is active, less what is missed, each by itself. Goes from bit to bit, since what
   * drawing takes counts in the measured token's time.
   *
   * @return how many are active
   */
  private int addActive(int layer, SplittableRandom random, byte[] names) {
    int active = 0;
    for (int w = 0; w < firings.words(); w++) {
      long word = firings.bits(layer, w);
      active += Long.bitCount(word);
      for (long bits = word; bits != 0; bits &= bits - 1) {
        names[w * 64 + Long.numberOfTrailingZeros(bits)] =
            (byte) (random.nextDouble() < rates.missed ? 0 : 1);
      }
    }
    return active;
  }

  /** Names silent neurons, so many as a share of the active ones, in proportion to how often they fire. */
  private void addFalseAlarms(int layer, int active, SplittableRandom random, byte[] names) {
    long more =
        Math.min(
            (long) Math.floor(rates.falseAlarms * active + random.nextDouble()), neurons - active);
    // Neurons that never fire raise no alarm, so there may be fewer to find.
    for (int tries = 0; more > 0 && tries < MOST_TRIES; tries++) {
      int i = random.nextInt(neurons);
      boolean silent = (firings.bits(layer, i >>> 6) >>> i & 1) == 0;
      if (silent && names[i] == 0
          && random.nextFloat() * highest[layer] < frequency[layer][i]) {
        names[i] = 1;
        more--;
      }
    }
  }
}
