package dev.sluice.bundler.order;

import dev.sluice.bundler.coactivation.CoactivationStats;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Disjoint paths over the neurons of a layer, grown link by link: no neuron has more than two links and no links close a
 * ring (union-find by size with path halving). Every neuron starts as a path of its own.
 */
final class Paths {
  private static final int NONE = -1;

  private final int[] links;
  private final int[] degrees;
  private final int[] parents;
  private final int[] sizes;

  Paths(int neurons) {
    links = new int[2 * neurons];
    Arrays.fill(links, NONE);
    degrees = new int[neurons];
    parents = new int[neurons];
    Arrays.setAll(parents, i -> i);
    sizes = new int[neurons];
    Arrays.fill(sizes, 1);
  }

  int degree(int neuron) {
    return degrees[neuron];
  }

  /** Whether the neuron can take another link: it is the end of a path, or alone. */
  boolean open(int neuron) {
    return degrees[neuron] < 2;
  }

  boolean linkable(int a, int b) {
    return degrees[a] < 2 && degrees[b] < 2 && root(a) != root(b);
  }

  void link(int a, int b) {
    if (!linkable(a, b)) {
      throw new IllegalArgumentException(a + " and " + b + " cannot be linked");
    }
    links[2 * a + degrees[a]++] = b;
    links[2 * b + degrees[b]++] = a;
    int rootA = root(a);
    int rootB = root(b);
    boolean greater = sizes[rootA] >= sizes[rootB];
    int over = greater ? rootA : rootB;
    int under = greater ? rootB : rootA;
    parents[under] = over;
    sizes[over] += sizes[under];
  }

  private int root(int neuron) {
    int at = neuron;
    while (parents[at] != at) {
      parents[at] = parents[parents[at]];
      at = parents[at];
    }
    return at;
  }

  /** The paths, each from its lower end; by their lower ends ascending. */
  List<int[]> list() {
    List<int[]> paths = new ArrayList<>();
    boolean[] walked = new boolean[degrees.length];
    for (int start = 0; start < degrees.length; start++) {
      if (degrees[start] < 2 && !walked[start]) {
        int[] path = new int[sizes[root(start)]];
        int before = NONE;
        int at = start;
        for (int k = 0; k < path.length; k++) {
          path[k] = at;
          walked[at] = true;
          int next = links[2 * at] == before ? links[2 * at + 1] : links[2 * at];
          before = at;
          at = next;
        }
        paths.add(path);
      }
    }
    return paths;
  }

  /**
   * Lays the paths end to end, by firings per neuron descending: what fires often and has no partner left then lies next
   * to its like. Paths of equal activity lie by their lower ends.
   */
  int[] concatenate(CoactivationStats stats) {
    record Path(int[] neurons, double activity) {}
    List<Path> paths = new ArrayList<>();
    for (int[] neurons : list()) {
      long firings = 0;
      for (int neuron : neurons) {
        firings += stats.count(neuron);
      }
      paths.add(new Path(neurons, (double) firings / neurons.length));
    }
    paths.sort(Comparator.comparingDouble(Path::activity).reversed());
    int[] order = new int[degrees.length];
    int position = 0;
    for (Path path : paths) {
      System.arraycopy(path.neurons(), 0, order, position, path.neurons().length);
      position += path.neurons().length;
    }
    return order;
  }
}
