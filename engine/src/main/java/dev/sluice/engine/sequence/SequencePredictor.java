package dev.sluice.engine.sequence;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.PredictorScratch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Names the neurons that a text's prompt chose, whatever the token; before a prompt, all. Belongs to one session: it watches the
 * session's prompts, and each sets what is named from then on. The prompt itself is to be computed with every neuron.
 */
public final class SequencePredictor implements ActivePredictor, LayerObserver {
  private final SequenceMethod method;
  private final Activity activity;
  private final float[][] columnNorms;
  private final byte[][] named; // layer × neuron
  private final List<Part> parts = new ArrayList<>(); // of the layer under way; under this object's lock

  /** Sums of one block's positions. */
  private record Part(int firstToken, int count, double[] sums) {}

  /**
   * @param activity its rule says what a magnitude is, its thresholds what TDA compares it with
   * @param columnNorms layer × neuron
   */
  public SequencePredictor(SequenceMethod method, Activity activity, float[][] columnNorms) {
    this.method = method;
    this.activity = activity;
    this.columnNorms = columnNorms;
    named = new byte[columnNorms.length][];
    forget();
  }

  /** Names all again, as before a prompt. */
  public void forget() {
    for (int layer = 0; layer < named.length; layer++) {
      named[layer] = SequenceMethod.all(columnNorms[layer].length);
    }
  }

  /**
   * Heap of one such predictor at most, masks and all that is gathered of a layer while a prompt is taken. Bytes.
   *
   * @param promptTokens positions taken together
   * @param blockPositions positions that one thread takes at a time
   */
  public static long heapBytes(int layers, int neurons, int promptTokens, int blockPositions) {
    long parts = Math.ceilDiv(promptTokens, blockPositions);
    long all = parts + 1; // with what they are added up to
    return (long) layers * neurons + all * neurons * Double.BYTES
        + (long) promptTokens * Double.BYTES;
  }

  @Override
  public String name() {
    return method.key();
  }

  @Override
  public long residentBytes() {
    return Arrays.stream(named).mapToLong(layer -> layer.length).sum();
  }

  @Override
  public void predict(int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch) {
    byte[] kept = named[layer];
    if (count == 1) {
      System.arraycopy(kept, 0, predicted, 0, kept.length);
      return;
    }
    for (int i = 0; i < kept.length; i++) {
      Arrays.fill(predicted, i * count, (i + 1) * count, kept[i]);
    }
  }

  /** Share of a layer's neurons that are named now. */
  public double namedShare(int layer) {
    return (double) SequenceMethod.count(named[layer]) / named[layer].length;
  }

  /** Whether a neuron is named now. */
  public boolean names(int layer, int neuron) {
    return named[layer][neuron] != 0;
  }

  @Override
  public boolean wantsColumnNorms() {
    return false; // a bundled store has them
  }

  @Override
  public void layerStarts(LayerWeights weights, float[] none) {
    parts.clear();
  }

  @Override
  public void observe(Block block) {
    int layer = block.weights().layer();
    int neurons = named[layer].length;
    int count = block.count();
    double[] norms = new double[count];
    for (int i = 0; i < neurons; i++) {
      for (int t = 0; t < count; t++) {
        double h = block.outputs()[i * count + t];
        norms[t] += h * h;
      }
    }
    for (int t = 0; t < count; t++) {
      norms[t] = Math.sqrt(norms[t]);
    }
    double[] sums = new double[neurons];
    for (int i = 0; i < neurons; i++) {
      for (int t = 0; t < count; t++) {
        int at = i * count + t;
        float magnitude = activity.magnitude(block.inner()[at], block.outputs()[at],
            columnNorms[layer][i]);
        sums[i] = method.together(sums[i],
            method.term(magnitude, block.outputs()[at], norms[t]));
      }
    }
    synchronized (parts) {
      parts.add(new Part(block.firstToken(), count, sums));
    }
  }

  @Override
  public void layerEnds(int layer) {
    // In the order of the text: a sum must not depend on which thread came first.
    parts.sort(Comparator.comparingInt(Part::firstToken));
    double[] sums = new double[named[layer].length];
    int tokens = 0;
    for (Part part : parts) {
      for (int i = 0; i < sums.length; i++) {
        sums[i] = method.together(sums[i], part.sums[i]);
      }
      tokens += part.count;
    }
    named[layer] = method.keep(sums, tokens, activity.thresholds()[layer]);
    parts.clear();
  }
}
