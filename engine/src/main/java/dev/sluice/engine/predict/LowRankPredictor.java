package dev.sluice.engine.predict;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.predictor.ActivityCuts;
import dev.sluice.storage.predictor.Int8Rows;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * Two thin int8 matrices a layer, trained or not: scores are products of whole numbers, compared with a cut for each
 * neuron. See {@link LowRankLayer}. A single position is split over threads by ranges of neurons.
 */
public final class LowRankPredictor implements ActivePredictor {
  // Neurons that one task takes of a single position: 256 KiB of codes at rank 128.
  private static final int TASK_GROUPS = 128;

  /** One layer with its cuts in units of a product times the position's scale. */
  private record Layer(LowRankLayer map, float[] from, float[] dipFrom, float[] dipTo) {
    static Layer of(LowRankLayer map, ActivityCuts cuts) {
      return new Layer(
          map, inUnits(map, cuts.from()), inUnits(map, cuts.dipFrom()),
          inUnits(map, cuts.dipTo()));
    }

    private static float[] inUnits(LowRankLayer map, float[] cuts) {
      float[] result = new float[cuts.length];
      for (int i = 0; i < result.length; i++) {
        result[i] = (cuts[i] - map.outerOffsets()[i]) / map.outward().scale(i);
      }
      return result;
    }
  }

  private final String name;
  private final List<Layer> layers;
  private final Int8Products products;
  private final Workers workers;
  private final long residentBytes;

  /**
   * @param layers in layer order
   * @param cett CETT target of the cuts
   * @param workers shares the work on single positions
   * @throws IllegalArgumentException if nothing was calibrated for the rule
   */
  public LowRankPredictor(String name, List<LowRankLayer> layers, ActiveRule rule, double cett,
      Kernels kernels, Workers workers) {
    this.name = name;
    this.layers = layers.stream().map(map -> Layer.of(map, map.cutsAt(rule, cett))).toList();
    this.products = Int8Products.like(kernels);
    this.workers = workers;
    this.residentBytes = layers.stream().mapToLong(LowRankLayer::residentBytes).sum();
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
    return residentBytes;
  }

  @Override
  public void predict(
      int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch) {
    Layer at = layers.get(layer);
    LowRankScratch own = scratch.lowRank();
    own.squeeze(at.map, products, normed, offset, count);
    int groups = at.map.outward().groups();
    int tasks = (groups + TASK_GROUPS - 1) / TASK_GROUPS;
    if (count > 1 || tasks == 1) {
      judge(at, 0, groups, count, predicted, own);
    } else {
      own.job.set(this, at, predicted, own);
      workers.parallelFor(tasks, own.job);
      own.job.clear();
    }
  }

  private void judge(Layer at, int fromGroup, int toGroup, int count, byte[] predicted,
      LowRankScratch own) {
    Int8Rows outward = at.map.outward();
    // A few groups at a time stay in the nearest cache while all positions pass.
    int step = count == 1 ? toGroup - fromGroup : 8;
    for (int group = fromGroup; group < toGroup; group += step) {
      int end = Math.min(toGroup, group + step);
      int first = group * Int8Rows.GROUP_ROWS;
      int last = Math.min(outward.rows(), end * Int8Rows.GROUP_ROWS);
      for (int t = 0; t < count; t++) {
        products.products(outward, group, end, own.codes, t * own.codesStride, own.sums, first);
        compare(at, first, last, own.scales[t], own.sums, predicted, t, count);
      }
    }
  }

  private static void compare(Layer at, int first, int last, float scale, int[] sums,
      byte[] predicted, int t, int count) {
    float[] from = at.from;
    if (at.dipFrom.length > 0) {
      for (int i = first; i < last; i++) {
        float score = sums[i] * scale;
        boolean named = score >= from[i] | (score >= at.dipFrom[i] & score <= at.dipTo[i]);
        predicted[i * count + t] = (byte) (named ? 1 : 0);
      }
    } else {
      for (int i = first; i < last; i++) {
        // The sign of the difference, without a branch: which neurons are named is too irregular to foresee.
        float above = sums[i] * scale - from[i];
        predicted[i * count + t] = (byte) ((Float.floatToRawIntBits(above) >>> 31) ^ 1);
      }
    }
  }

  /** One position's ranges of neurons; kept in the scratch, so that predicting allocates nothing. */
  static final class Job implements IntConsumer {
    private LowRankPredictor predictor;
    private Layer at;
    private byte[] predicted;
    private LowRankScratch own;

    private void set(LowRankPredictor predictor, Layer at, byte[] predicted, LowRankScratch own) {
      this.predictor = predictor;
      this.at = at;
      this.predicted = predicted;
      this.own = own;
    }

    private void clear() {
      at = null;
      predicted = null;
    }

    @Override
    public void accept(int task) {
      int groups = at.map.outward().groups();
      predictor.judge(at, task * TASK_GROUPS, Math.min(groups, (task + 1) * TASK_GROUPS), 1,
          predicted, own);
    }
  }
}
