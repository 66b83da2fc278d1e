package dev.sluice.bench.papers;

import dev.sluice.bundler.coactivation.Activity;
import java.util.ArrayList;
import java.util.List;

/**
 * What is needed of one layer's firings to say, of any resample of windows, how much independent neurons of its rates would reuse:
 * Σ p² / Σ p, where p of a neuron is its firings in the resample over the resample's tokens. Σ p² is a sum over pairs of windows.
 *
 * @param windowTokens of each window
 * @param firings of each window
 * @param products for each pair of windows a ≥ b, row by row: Σ over neurons of their firings in a times those in b
 */
record WindowFirings(int windowTokens, List<Long> firings, List<Long> products) {
  WindowFirings {
    firings = List.copyOf(firings);
    products = List.copyOf(products);
  }

  static WindowFirings of(Activity sets, int windowTokens) {
    int windows = sets.tokens() / windowTokens;
    int[][] counts = new int[windows][sets.neurons()];
    for (int token = 0; token < windows * windowTokens; token++) {
      int[] own = counts[token / windowTokens];
      for (int w = 0; w < sets.words(); w++) {
        for (long bits = sets.word(token, w); bits != 0; bits &= bits - 1) {
          own[(w << 6) + Long.numberOfTrailingZeros(bits)]++;
        }
      }
    }
    List<Long> firings = new ArrayList<>();
    List<Long> products = new ArrayList<>();
    for (int a = 0; a < windows; a++) {
      long sum = 0;
      for (int count : counts[a]) {
        sum += count;
      }
      firings.add(sum);
      for (int b = 0; b <= a; b++) {
        long product = 0;
        for (int i = 0; i < counts[a].length; i++) {
          product += (long) counts[a][i] * counts[b][i];
        }
        products.add(product);
      }
    }
    return new WindowFirings(windowTokens, firings, products);
  }

  /** Reuse if neurons were independent, at the rates of some windows. */
  double reuseIfIndependent(int[] sample) {
    int[] times = new int[firings.size()];
    for (int window : sample) {
      times[window]++;
    }
    double all = 0;
    double squares = 0;
    int at = 0;
    for (int a = 0; a < times.length; a++) {
      all += (double) times[a] * firings.get(a);
      for (int b = 0; b <= a; b++) {
        squares += (a == b ? 1.0 : 2.0) * times[a] * times[b] * products.get(at++);
      }
    }
    return all == 0 ? 0 : squares / all / sample.length / windowTokens;
  }
}
