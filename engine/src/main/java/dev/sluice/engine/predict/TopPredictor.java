package dev.sluice.engine.predict;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.predictor.Int8Rows;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.Arrays;
import java.util.List;

/**
 * The trained network with DejaVu's choice: the same number of highest logits at every position, the number calibrated for
 * each layer. Equal logits are named in neuron order.
 */
public final class TopPredictor implements ActivePredictor {
  private static final int TASK_GROUPS = 128;
  private static final int RADIX_BITS = 8;

  private final String name;
  private final List<LowRankLayer> layers;
  private final int[] most;
  private final Int8Products products;
  private final Workers workers;

  /**
   * @param layers trained, in layer order
   * @param cett CETT target of the counts
   * @throws IllegalArgumentException if nothing was calibrated for the rule
   */
  public TopPredictor(String name, List<LowRankLayer> layers, ActiveRule rule, double cett,
      Kernels kernels, Workers workers) {
    this.name = name;
    this.layers = List.copyOf(layers);
    this.most = layers.stream().mapToInt(map -> map.cutsAt(rule, cett).most()).toArray();
    this.products = Int8Products.like(kernels);
    this.workers = workers;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public PredictorInput input() {
    return PredictorInput.of(name);
  }

  @Override
  public long residentBytes() {
    return layers.stream().mapToLong(LowRankLayer::residentBytes).sum();
  }

  @Override
  public void predict(
      int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch) {
    LowRankLayer map = layers.get(layer);
    LowRankScratch own = scratch.lowRank();
    own.squeeze(map, products, normed, offset, count);
    int groups = map.outward().groups();
    for (int t = 0; t < count; t++) {
      int codes = t * own.codesStride;
      workers.parallelFor((groups + TASK_GROUPS - 1) / TASK_GROUPS, task -> {
        int from = task * TASK_GROUPS;
        products.products(map.outward(), from, Math.min(groups, from + TASK_GROUPS), own.codes,
            codes, own.sums, from * Int8Rows.GROUP_ROWS);
      });
      choose(map, own, own.scales[t], most[layer], predicted, t, count);
    }
  }

  /** Names the {@code most} rows of highest score; the sums of one position are in {@code own}. */
  static void choose(LowRankLayer map, LowRankScratch own, float scale, int most,
      byte[] predicted, int t, int count) {
    int neurons = map.neurons();
    int[] ordered = own.ordered;
    for (int i = 0; i < neurons; i++) {
      float logit = own.sums[i] * scale * map.outward().scale(i) + map.outerOffsets()[i];
      int bits = Float.floatToIntBits(logit);
      ordered[i] = bits < 0 ? ~bits : bits ^ Integer.MIN_VALUE; // as unsigned numbers in logit order
    }
    // Digit by digit, the value of the last one that is named.
    int prefix = 0;
    int known = 0;
    int left = Math.min(most, neurons);
    int[] counts = new int[1 << RADIX_BITS];
    for (int shift = Integer.SIZE - RADIX_BITS; shift >= 0; shift -= RADIX_BITS) {
      Arrays.fill(counts, 0);
      for (int i = 0; i < neurons; i++) {
        if ((ordered[i] & known) == prefix) {
          counts[ordered[i] >>> shift & (1 << RADIX_BITS) - 1]++;
        }
      }
      int digit = (1 << RADIX_BITS) - 1;
      while (digit > 0 && counts[digit] < left) {
        left -= counts[digit--];
      }
      prefix |= digit << shift;
      known |= (1 << RADIX_BITS) - 1 << shift;
    }
    for (int i = 0; i < neurons; i++) {
      int order = Integer.compareUnsigned(ordered[i], prefix);
      boolean named = order > 0 || (order == 0 && left > 0);
      left -= order == 0 && named ? 1 : 0;
      predicted[i * count + t] = (byte) (named ? 1 : 0);
    }
  }
}
