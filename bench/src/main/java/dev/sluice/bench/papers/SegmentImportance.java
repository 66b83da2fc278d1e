package dev.sluice.bench.papers;

import dev.sluice.bench.papers.ContextEffects.Shift;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerWeights;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Which neurons of a layer put out most over each segment of each window, and how many of them two segments share. Blocks must be
 * whole windows; one layer's sets are in memory at a time.
 */
final class SegmentImportance implements LayerObserver {
  private static final int SEGMENTS = Effort.WINDOW_TOKENS / ContextEffects.SEGMENT_TOKENS;

  private final int neurons;
  private final long[][][] important; // window × segment × bitmap
  private final double[] common = new double[SEGMENTS]; // by distance, summed over layers and pairs
  private final long[] pairs = new long[SEGMENTS];
  private double commonWithOther;
  private long otherPairs;

  SegmentImportance(int neurons, int windows) {
    this.neurons = neurons;
    this.important = new long[windows][SEGMENTS][];
  }

  @Override
  public void layerStarts(LayerWeights weights, float[] columnNorms) {}

  @Override
  public void observe(Block block) {
    for (int segment = 0; segment < SEGMENTS; segment++) {
      double[] squares = new double[neurons];
      for (int i = 0; i < neurons; i++) {
        int at = i * block.count() + segment * ContextEffects.SEGMENT_TOKENS;
        for (int t = at; t < at + ContextEffects.SEGMENT_TOKENS; t++) {
          double magnitude = (double) block.outputs()[t] * block.columnNorms()[i];
          squares[i] += magnitude * magnitude;
        }
      }
      important[block.sequence()][segment] = largest(squares);
    }
  }

  /** The neurons of the largest values, as a bitmap; of equal ones the first. */
  static long[] largest(double[] values) {
    long[] bits = new long[(values.length + 63) >>> 6];
    IntStream.range(0, values.length).boxed()
        .sorted(Comparator.<Integer>comparingDouble(i -> -values[i]).thenComparingInt(i -> i))
        .limit(kept(values.length)).forEach(i -> bits[i >>> 6] |= 1L << i);
    return bits;
  }

  private static long kept(int neurons) {
    return Math.max(1, Math.round(ContextEffects.IMPORTANT_PERCENT / 100.0 * neurons));
  }

  @Override
  public void layerEnds(int layer) {
    int windows = important.length;
    for (int w = 0; w < windows; w++) {
      for (int a = 0; a < SEGMENTS; a++) {
        for (int b = a + 1; b < SEGMENTS; b++) {
          common[b - a] += shared(important[w][a], important[w][b]);
          pairs[b - a]++;
        }
        if (windows > 1) {
          commonWithOther += shared(important[w][a], important[(w + windows / 2) % windows][a]);
          otherPairs++;
        }
      }
    }
  }

  private double shared(long[] a, long[] b) {
    long both = 0;
    for (int w = 0; w < a.length; w++) {
      both += Long.bitCount(a[w] & b[w]);
    }
    return (double) both / kept(neurons);
  }

  Shift result() {
    List<Double> byDistance = new ArrayList<>();
    for (int d = 1; d < SEGMENTS; d++) {
      byDistance.add(common[d] / pairs[d]);
    }
    return new Shift(byDistance, otherPairs == 0 ? 0 : commonWithOther / otherPairs);
  }
}
