package dev.sluice.bench.predictor;

import dev.sluice.storage.predictor.CertifiedLayer;
import dev.sluice.storage.predictor.ErrorBound;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.IntStream;

/** How often e·r exceeds its bound by dither at one δ, counted in double from the definition. Thread-safe. */
final class ViolationCount {
  private final int bits;
  private final double delta;
  private final LongAdder decisions = new LongAdder();
  private final LongAdder exceeded = new LongAdder();
  private final LongAdder wrong = new LongAdder();

  ViolationCount(int bits, double delta) {
    this.bits = bits;
    this.delta = delta;
  }

  CertifiedResult.Violations result(int dithers) {
    double all = Math.max(1, decisions.sum());
    return new CertifiedResult.Violations(bits, delta, decisions.sum(), dithers,
        exceeded.sum() / all, wrong.sum() / all);
  }

  /**
   * Decides about all rows of a layer at some positions, evenly spread, for those counts that are of its bits.
   *
   * @param rows what the layer was packed from
   * @param bias one for each row, or empty
   * @param inputs positions × hidden
   */
  static void count(List<ViolationCount> counts, CertifiedLayer layer, float[] rows, float[] bias,
      float[] inputs, int positions) {
    int hidden = layer.hidden();
    int recorded = inputs.length / hidden;
    int some = Math.min(positions, recorded);
    double[][] rests = new double[some][];
    int[] at = new int[some];
    for (int p = 0; p < some; p++) {
      at[p] = (int) ((long) p * recorded / some) * hidden;
      rests[p] = rest(layer, inputs, at[p]);
    }
    List<ViolationCount> mine = counts.stream().filter(each -> each.bits == layer.bits()).toList();
    IntStream.range(0, layer.neurons()).parallel().forEach(i -> {
      double[] copy = new double[hidden];
      layer.unpack(i, copy);
      for (int p = 0; p < some; p++) {
        double product = bias.length == 0 ? 0 : bias[i];
        double error = 0;
        double spread = 0;
        for (int j = 0; j < hidden; j++) {
          double weight = rows[i * hidden + j];
          double scale = layer.scale(i, j / CertifiedLayer.BLOCK);
          product += weight * inputs[at[p] + j];
          error += (weight - copy[j]) * rests[p][j];
          spread += scale * scale * rests[p][j] * rests[p][j];
        }
        for (ViolationCount each : mine) {
          double bound = ErrorBound.deviations(each.delta) * Math.sqrt(spread / 12);
          each.decisions.increment();
          if (error > bound) {
            each.exceeded.increment();
          }
          if (product > 0 && product - error + bound <= 0) {
            each.wrong.increment();
          }
        }
      }
    });
  }

  private static double[] rest(CertifiedLayer layer, float[] inputs, int at) {
    int hidden = layer.hidden();
    double[] rest = new double[hidden];
    for (int j = 0; j < hidden; j++) {
      rest[j] = inputs[at + j];
    }
    for (int k = 0; k < layer.directionCount(); k++) {
      double along = 0;
      for (int j = 0; j < hidden; j++) {
        along += (double) layer.direction(k, j) * inputs[at + j];
      }
      for (int j = 0; j < hidden; j++) {
        rest[j] -= along * layer.direction(k, j);
      }
    }
    return rest;
  }
}
