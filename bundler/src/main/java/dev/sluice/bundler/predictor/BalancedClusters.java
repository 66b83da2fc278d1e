package dev.sluice.bundler.predictor;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * k-means by cosine with clusters of equal size, or sizes that differ by one where the points cannot be shared out evenly: in each
 * round the closest pair of point and centre that still has room is taken first. (MoEfication solves an assignment problem instead; a
 * greedy one takes less than the square of the points.) Seeded; results do not depend on the number of threads. Stateless.
 */
final class BalancedClusters {
  private static final int MOST_ROUNDS = 12;
  private static final double LEAST_GAIN = 1e-3;

  private BalancedClusters() {}

  /**
   * The cluster of each point.
   *
   * @param points count × dimensions; scaled to length 1 in place, but for those of length 0
   * @param clusters 1 to {@code count}
   */
  static int[] of(float[] points, int count, int dimensions, int clusters, long seed) {
    normalise(points, count, dimensions);
    float[] centres = some(points, count, dimensions, clusters, seed);
    int[] best = new int[0];
    double bestSum = 0;
    for (int round = 0; round < MOST_ROUNDS; round++) {
      float[] closeness = Products.of(points, count, dimensions,
          Products.transpose(centres, clusters, dimensions), clusters);
      int[] clusterOf = shareOut(closeness, count, clusters);
      double sum = 0;
      for (int i = 0; i < count; i++) {
        sum += closeness[i * clusters + clusterOf[i]];
      }
      boolean gained = best.length == 0 || sum > bestSum + LEAST_GAIN * Math.abs(bestSum);
      if (best.length == 0 || sum > bestSum) {
        best = clusterOf;
        bestSum = sum;
      }
      if (!gained) {
        break;
      }
      centres = centres(points, count, dimensions, clusterOf, clusters);
    }
    return best;
  }

  private static void normalise(float[] rows, int count, int dimensions) {
    for (int i = 0; i < count; i++) {
      double squares = 0;
      for (int d = 0; d < dimensions; d++) {
        squares += (double) rows[i * dimensions + d] * rows[i * dimensions + d];
      }
      float scale = squares > 0 ? (float) (1 / Math.sqrt(squares)) : 0;
      for (int d = 0; d < dimensions; d++) {
        rows[i * dimensions + d] *= scale;
      }
    }
  }

  private static float[] some(float[] points, int count, int dimensions, int clusters, long seed) {
    int[] chosen = IntStream.range(0, count).toArray();
    EarlyStopping.shuffle(chosen, new Random(seed));
    float[] centres = new float[clusters * dimensions];
    for (int c = 0; c < clusters; c++) {
      System.arraycopy(points, chosen[c] * dimensions, centres, c * dimensions, dimensions);
    }
    return centres;
  }

  private static float[] centres(float[] points, int count, int dimensions, int[] clusterOf,
      int clusters) {
    float[] centres = new float[clusters * dimensions];
    for (int i = 0; i < count; i++) {
      for (int d = 0; d < dimensions; d++) {
        centres[clusterOf[i] * dimensions + d] += points[i * dimensions + d];
      }
    }
    normalise(centres, clusters, dimensions);
    return centres;
  }

  /**
   * Takes pairs by falling closeness, equal ones in order of the points, and leaves out those whose point has a cluster or whose
   * cluster is full.
   *
   * @param closeness count × clusters
   */
  static int[] shareOut(float[] closeness, int count, int clusters) {
    long[] pairs = new long[count * clusters];
    for (int pair = 0; pair < pairs.length; pair++) {
      int bits = Float.floatToIntBits(-closeness[pair]);
      int ascending = bits < 0 ? ~bits : bits ^ Integer.MIN_VALUE;
      pairs[pair] = (long) (ascending ^ Integer.MIN_VALUE) << 32 | pair;
    }
    Arrays.parallelSort(pairs);
    int[] clusterOf = new int[count];
    Arrays.fill(clusterOf, -1);
    int[] sizes = new int[clusters];
    int even = count / clusters;
    int larger = count % clusters; // clusters that may hold one more
    for (long pair : pairs) {
      int point = (int) pair / clusters;
      int cluster = (int) pair % clusters;
      if (clusterOf[point] >= 0 || sizes[cluster] > even
          || (sizes[cluster] == even && larger == 0)) {
        continue;
      }
      larger -= sizes[cluster] == even ? 1 : 0;
      sizes[cluster]++;
      clusterOf[point] = cluster;
    }
    return clusterOf;
  }
}
