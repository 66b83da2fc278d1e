package dev.sluice.engine.predict;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.predictor.ActivityCuts;
import dev.sluice.storage.predictor.CascadeLayer;
import dev.sluice.storage.predictor.Int8Rows;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.tensor.TensorType;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.List;

/**
 * A low-rank estimate first; only what it does not rule out is looked at again through a low-bit row, and named by the
 * mixture of both. See {@link CascadeLayer}. Costs the RAM of both and little more time than the first.
 */
public final class CascadePredictor implements ActivePredictor {
  private static final int TASK_GROUPS = 32;

  /** One layer with its cuts. */
  private record Layer(CascadeLayer map, ActivityCuts rough, ActivityCuts cuts) {}

  private final String name;
  private final List<Layer> layers;
  private final Kernels kernels;
  private final Int8Products products;
  private final Workers workers;

  /**
   * @param layers in layer order
   * @param cett CETT target of the cuts
   * @param workers shares the work on each position
   * @throws IllegalArgumentException if nothing was calibrated for the rule
   */
  public CascadePredictor(String name, List<CascadeLayer> layers, ActiveRule rule, double cett,
      Kernels kernels, Workers workers) {
    this.name = name;
    this.layers = layers.stream()
        .map(map -> new Layer(map, map.first().cutsAt(rule, cett), map.cutsAt(rule, cett)))
        .toList();
    this.kernels = kernels;
    this.products = Int8Products.like(kernels);
    this.workers = workers;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long residentBytes() {
    return layers.stream().mapToLong(layer -> layer.map.residentBytes()).sum();
  }

  @Override
  public void predict(
      int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch) {
    Layer at = layers.get(layer);
    LowRankLayer first = at.map.first();
    int hidden = first.hidden();
    int groups = first.outward().groups();
    int tasks = (groups + TASK_GROUPS - 1) / TASK_GROUPS;
    LowRankScratch own = scratch.lowRank();
    own.squeeze(first, products, normed, offset, count);
    float[] x = scratch.arranged(hidden);
    float[] rows = scratch.rows(tasks * hidden);
    for (int t = 0; t < count; t++) {
      int position = t;
      kernels.arrange(TensorType.F16, normed, offset + t * hidden, x, 0, hidden);
      workers.parallelFor(tasks, task -> {
        int from = task * TASK_GROUPS;
        int to = Math.min(groups, from + TASK_GROUPS);
        products.products(first.outward(), from, to, own.codes, position * own.codesStride,
            own.sums, from * Int8Rows.GROUP_ROWS);
        int last = Math.min(first.neurons(), to * Int8Rows.GROUP_ROWS);
        for (int i = from * Int8Rows.GROUP_ROWS; i < last; i++) {
          predicted[i * count + position] =
              (byte) (names(at, i, own, own.scales[position], x, rows, task * hidden) ? 1 : 0);
        }
      });
    }
  }

  private boolean names(Layer at, int neuron, LowRankScratch own, float scale, float[] x,
      float[] rows, int rowOffset) {
    LowRankLayer first = at.map.first();
    float estimate = own.sums[neuron] * scale * first.outward().scale(neuron)
        + first.outerOffsets()[neuron];
    if (!at.rough.names(neuron, estimate)) {
      return false;
    }
    kernels.unpack(at.map.copy(), neuron, rows, rowOffset);
    float product = kernels.dot(rows, rowOffset, x, 0, first.hidden());
    float mixed = estimate
        + at.map.weights()[neuron] * (product + at.map.offsets()[neuron] - estimate);
    return at.cuts.names(neuron, mixed);
  }
}
