package dev.sluice.bench.impose;

import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.storage.store.ModelSpec;
import java.util.SplittableRandom;

/**
 * Names what a dense run recorded, less a share of it and with false alarms, at the cost of a real predictor that runs
 * beside it and is not listened to. Rates as published for LLM in a flash: 5 % of active neurons missed, false alarms 7 % as
 * many as active neurons. Misses are independent; false alarms fall on silent neurons in proportion to how often they fire.
 * Goes through the recorded tokens in order, so it belongs to one session, which it must see from its first single token on.
 */
public final class ImposedPredictor implements ActivePredictor {
  private final ActivePredictor real;
  private final int neurons;
  private final int layers;
  private final int words;
  private final long[][] names; // layer, then single token · words + word
  private final float[][] frequency; // layer, then neuron: share of recorded tokens at which it fires
  private final Rates rates;
  private int token;

  /**
   * What a predictor gets wrong, and what look-ahead gets wrong about the predictor.
   *
   * @param missed share of active neurons that are not named
   * @param falseAlarms neurons named in vain, as a share of the active ones
   * @param unforeseen share of named neurons that look-ahead does not name
   * @param foreseenInVain neurons that look-ahead names and the predictor does not, as a share of the named ones
   * @param seed of all draws
   */
  public record Rates(double missed, double falseAlarms, double unforeseen, double foreseenInVain,
      long seed) {
    /**
     * As published for LLM in a flash; look-ahead as measured on the ReLU² twin from the block's input, where low-rank and
     * trained predictors foresaw 80 and 81 % of the misses and read 17 % as many in vain.
     */
    public static Rates published(long seed) {
      return new Rates(0.05, 0.07, 0.20, 0.20, seed);
    }
  }

  /**
   * @param firstToken recorded token at which single tokens begin
   * @param real pays the cost
   */
  public ImposedPredictor(
      DenseFirings firings, ModelSpec spec, int firstToken, Rates rates, ActivePredictor real) {
    this.real = real;
    this.neurons = spec.feedForward();
    this.layers = spec.layers();
    this.words = firings.words();
    int tokens = firings.tokens() - firstToken;
    names = new long[layers][Math.multiplyExact(tokens, words)];
    this.rates = rates;
    frequency = new float[layers][neurons];
    for (int layer = 0; layer < layers; layer++) {
      for (int i = 0; i < neurons; i++) {
        frequency[layer][i] = (float) firings.firings(layer, i) / firings.tokens();
      }
      for (int t = 0; t < tokens; t++) {
        name(firings, layer, firstToken + t, t * words);
      }
    }
  }

  /** Draws one token's names of one layer. */
  private void name(DenseFirings firings, int layer, int recorded, int at) {
    SplittableRandom random =
        new SplittableRandom(
            rates.seed ^ ((long) recorded * layers + layer) * 0x9E3779B97F4A7C15L);
    int active = 0;
    double silentFrequency = 0;
    for (int i = 0; i < neurons; i++) {
      if (firings.fires(layer, recorded, i)) {
        active++;
      } else {
        silentFrequency += frequency[layer][i];
      }
    }
    double alarm = silentFrequency == 0 ? 0 : rates.falseAlarms * active / silentFrequency;
    for (int i = 0; i < neurons; i++) {
      double draw = random.nextDouble();
      boolean named =
          firings.fires(layer, recorded, i) ? draw >= rates.missed
              : draw < alarm * frequency[layer][i];
      if (named) {
        names[layer][at + (i >>> 6)] |= 1L << i;
      }
    }
  }

  @Override
  public String name() {
    return "imposed on " + real.name();
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
    for (int i = 0; i < neurons; i++) {
      predicted[i] = (byte) (names[layer][token * words + (i >>> 6)] >>> i & 1);
    }
    if (layer == layers - 1) {
      token++;
    }
  }

  /** Asks the real predictor too, for its cost. */
  @Override
  public void foresee(int layer, float[] almostNormed, byte[] predicted,
      PredictorScratch scratch) {
    real.foresee(layer, almostNormed, predicted, scratch);
    int at = token * words;
    int named = 0;
    double silentFrequency = 0;
    for (int i = 0; i < neurons; i++) {
      int name = (int) (names[layer][at + (i >>> 6)] >>> i & 1);
      named += name;
      silentFrequency += name == 0 ? frequency[layer][i] : 0;
    }
    double alarm = silentFrequency == 0 ? 0 : rates.foreseenInVain * named / silentFrequency;
    SplittableRandom random =
        new SplittableRandom(~rates.seed ^ ((long) token * layers + layer) * 0x9E3779B97F4A7C15L);
    for (int i = 0; i < neurons; i++) {
      double draw = random.nextDouble();
      boolean foreseen = (names[layer][at + (i >>> 6)] >>> i & 1) != 0 ? draw >= rates.unforeseen
          : draw < alarm * frequency[layer][i];
      predicted[i] = (byte) (foreseen ? 1 : 0);
    }
  }
}
