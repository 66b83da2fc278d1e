package dev.sluice.bench.reference;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** Rows of choices in which every two choices of different factors meet at least once. */
final class Pairwise {
  private static final int CANDIDATES = 60;

  private Pairwise() {}

  /**
   * Picks rows greedily from random candidates.
   *
   * @param levels how many choices each factor has
   * @param atLeast rows to give, more if pairs need more
   */
  static List<int[]> rows(int[] levels, int atLeast, long seed) {
    Random random = new Random(seed);
    Set<List<Integer>> missing = new HashSet<>();
    for (int a = 0; a < levels.length; a++) {
      for (int b = a + 1; b < levels.length; b++) {
        for (int i = 0; i < levels[a]; i++) {
          for (int j = 0; j < levels[b]; j++) {
            missing.add(List.of(a, i, b, j));
          }
        }
      }
    }
    List<int[]> rows = new ArrayList<>();
    while (!missing.isEmpty() || rows.size() < atLeast) {
      int[] best = null;
      int bestGain = -1;
      for (int c = 0; c < CANDIDATES; c++) {
        int[] row = new int[levels.length];
        for (int f = 0; f < row.length; f++) {
          row[f] = random.nextInt(levels[f]);
        }
        List<List<Integer>> pairs = pairs(row);
        pairs.retainAll(missing);
        if (pairs.size() > bestGain) {
          bestGain = pairs.size();
          best = row;
        }
      }
      missing.removeAll(pairs(best));
      rows.add(best);
    }
    return rows;
  }

  private static List<List<Integer>> pairs(int[] row) {
    List<List<Integer>> pairs = new ArrayList<>();
    for (int a = 0; a < row.length; a++) {
      for (int b = a + 1; b < row.length; b++) {
        pairs.add(List.of(a, row[a], b, row[b]));
      }
    }
    return pairs;
  }
}
