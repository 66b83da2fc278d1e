package dev.sluice.engine.predict;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.storage.predictor.ExpertLayer;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.Arrays;
import java.util.List;

/**
 * MoEfication (arXiv 2110.01786): at every position the same number of a layer's experts, those that its router scores highest,
 * with all their neurons. See {@link ExpertLayer}. Equal scores are chosen in expert order.
 */
public final class ExpertPredictor implements ActivePredictor {
  private final String name;
  private final List<ExpertLayer> layers;
  private final int[] chosen;
  private final Int8Products products;

  private ExpertPredictor(String name, List<ExpertLayer> layers, int[] chosen, Kernels kernels) {
    this.name = name;
    this.layers = List.copyOf(layers);
    this.chosen = chosen;
    this.products = Int8Products.like(kernels);
  }

  /**
   * As many experts as were calibrated to keep the store's recall.
   *
   * @param layers in layer order
   * @param cett CETT target of the counts
   * @throws IllegalArgumentException if nothing was calibrated for the rule
   */
  public static ExpertPredictor calibrated(String name, List<ExpertLayer> layers, ActiveRule rule,
      double cett, Kernels kernels) {
    int[] chosen =
        layers.stream().mapToInt(layer -> layer.router().cutsAt(rule, cett).most()).toArray();
    return new ExpertPredictor(name, layers, chosen, kernels);
  }

  /**
   * A fixed share of the experts, at least one.
   *
   * @param percent 1 to 100
   */
  public static ExpertPredictor share(String name, List<ExpertLayer> layers, int percent,
      Kernels kernels) {
    int[] chosen = layers.stream()
        .mapToInt(layer -> Math.max(1, Math.round(layer.experts() * percent / 100f))).toArray();
    return new ExpertPredictor(name, layers, chosen, kernels);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long residentBytes() {
    return layers.stream().mapToLong(ExpertLayer::residentBytes).sum();
  }

  /** Experts that a layer chooses at each position. */
  public int chosen(int layer) {
    return chosen[layer];
  }

  @Override
  public void predict(
      int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch) {
    ExpertLayer at = layers.get(layer);
    LowRankLayer router = at.router();
    LowRankScratch own = scratch.lowRank();
    own.squeeze(router, products, normed, offset, count);
    byte[] experts = scratch.experts(at.experts());
    int[] expertOf = at.expertOf();
    for (int t = 0; t < count; t++) {
      products.products(router.outward(), 0, router.outward().groups(), own.codes,
          t * own.codesStride, own.sums, 0);
      Arrays.fill(experts, (byte) 0);
      TopPredictor.choose(router, own, own.scales[t], chosen[layer], experts, 0, 1);
      for (int i = 0; i < expertOf.length; i++) {
        predicted[i * count + t] = experts[expertOf[i]];
      }
    }
  }
}
