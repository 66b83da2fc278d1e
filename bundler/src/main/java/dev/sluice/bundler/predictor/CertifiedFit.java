package dev.sluice.bundler.predictor;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.predictor.CertifiedLayer;
import dev.sluice.storage.predictor.ErrorBound;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.StoreKeys;
import java.lang.foreign.Arena;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.IntStream;

/**
 * Makes {@link CertifiedLayer}s. Nothing is calibrated: recorded inputs only give the directions. The dither follows from the seed
 * alone, which is used as it is given: a bound by dither holds because nobody tried several.
 */
public final class CertifiedFit implements PredictorFit {
  private static final int COUNTED_POSITIONS = 32;
  private static final double LARGEST_UP = 0x1p60;

  private final ModelSpec spec;
  private final int bits;
  private final long seed;
  private final float[] namedShares;
  private final SortedMap<String, byte[]> blobs = new TreeMap<>();
  private int layer;

  /**
   * @param bits 4, 5, 6 or 8
   * @throws BadInputException unless the model has zeros to prove
   */
  public CertifiedFit(ModelSpec spec, int bits, long seed) {
    if (spec.activation() != Activation.RELU && spec.activation() != Activation.RELU2) {
      throw new BadInputException("predictor certified-" + bits,
          "only ReLU and ReLU² have zeros that can be proven, and this model has another activation",
          "leave it out");
    }
    this.spec = spec;
    this.bits = bits;
    this.seed = seed;
    this.namedShares = new float[spec.layers()];
  }

  /**
   * How many directions a layer gets: a sixteenth of its width costs each row half a bit an element at most, and at great widths fewer
   * catch as much.
   */
  public static int directions(int hidden) {
    return Math.min(64, hidden / 16 / 4 * 4);
  }

  @Override
  public void addLayer(QuantisedFit.LayerData data) {
    for (float weight : data.up()) {
      if (!(Math.abs(weight) < LARGEST_UP)) {
        throw new BadInputException("predictor certified-" + bits,
            "layer " + layer + " has weights so large that a gate of 0 times up could be no number",
            "leave it out");
      }
    }
    int hidden = spec.hidden();
    float[] directions =
        PrincipalDirections.of(data.inputs(), hidden, directions(hidden), seed + layer);
    try (Arena arena = Arena.ofShared()) {
      CertifiedLayer made = CertifiedLayer.pack(data.inner(), spec.feedForward(), hidden, bits,
          layer, seed, directions, arena);
      blobs.put(StoreKeys.predictorLayer("certified-" + bits, layer), made.encode());
      namedShares[layer] = namedShare(made, data);
    } catch (IllegalArgumentException e) {
      throw new BadInputException("predictor certified-" + bits,
          "layer " + layer + ": " + e.getMessage(), "leave it out", e);
    }
    layer++;
  }

  /** What the bound by norms leaves, at a few positions. */
  private float namedShare(CertifiedLayer made, QuantisedFit.LayerData data) {
    int hidden = spec.hidden();
    int positions = data.inputs().length / hidden;
    int counted = Math.min(COUNTED_POSITIONS, positions);
    double[][] rests = new double[counted][hidden];
    double[][] squares = new double[counted][made.blocks()];
    for (int p = 0; p < counted; p++) {
      int from = (int) ((long) p * positions / counted) * hidden;
      rest(made, data.inputs(), from, rests[p], squares[p]);
    }
    LongAdder named = new LongAdder();
    IntStream.range(0, made.neurons()).parallel().forEach(i -> {
      double[] copy = new double[hidden];
      made.unpack(i, copy);
      double[] norms = new double[made.blocks()];
      for (int b = 0; b < norms.length; b++) {
        norms[b] = made.errorNorm(i, b);
      }
      for (int p = 0; p < counted; p++) {
        int from = (int) ((long) p * positions / counted) * hidden;
        double bound = data.innerBias().length == 0 ? 0 : data.innerBias()[i];
        for (int j = 0; j < hidden; j++) {
          double weight = data.inner()[i * hidden + j];
          // All that is known exactly of the product, which is all but e·r.
          bound += weight * data.inputs()[from + j] - (weight - copy[j]) * rests[p][j];
        }
        if (bound + ErrorBound.byNorms(norms, squares[p]) > 0) {
          named.increment();
        }
      }
    });
    return counted == 0 ? 1 : (float) named.sum() / counted / made.neurons();
  }

  private static void rest(CertifiedLayer made, float[] inputs, int from, double[] rest,
      double[] squares) {
    int hidden = rest.length;
    for (int j = 0; j < hidden; j++) {
      rest[j] = inputs[from + j];
    }
    for (int k = 0; k < made.directionCount(); k++) {
      double along = 0;
      for (int j = 0; j < hidden; j++) {
        along += (double) made.direction(k, j) * inputs[from + j];
      }
      for (int j = 0; j < hidden; j++) {
        rest[j] -= along * made.direction(k, j);
      }
    }
    for (int j = 0; j < hidden; j++) {
      squares[j / CertifiedLayer.BLOCK] += rest[j] * rest[j];
    }
  }

  @Override
  public SortedMap<String, byte[]> blobs() {
    return blobs;
  }

  @Override
  public float[] namedShares() {
    return namedShares.clone();
  }
}
