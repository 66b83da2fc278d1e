package dev.sluice.bench.papers;

import dev.sluice.engine.session.Session;
import java.util.Arrays;

/**
 * Quality of a run whose active sets depend on what is resident, so that a text has to be decoded token by token. Windows and
 * means are those of {@link dev.sluice.engine.eval.WindowedQuality}; at the beginning of each the session restarts.
 *
 * @param divergenceNats KL(dense ‖ this), mean over positions
 */
record DecodedQuality(double perplexity, double divergenceNats) {

  /**
   * @param dense computes every neuron
   * @param session is judged; both hold a window
   * @param vocabulary of both
   */
  static DecodedQuality measure(Session dense, Session session, int[] tokens, int windowTokens,
      int vocabulary) {
    float[] expected = new float[windowTokens * vocabulary];
    double nats = 0;
    double divergence = 0;
    int windows = tokens.length / windowTokens;
    for (int w = 0; w < windows; w++) {
      int[] window = Arrays.copyOfRange(tokens, w * windowTokens, (w + 1) * windowTokens);
      dense.restart();
      int[] position = {0};
      dense.prompt(window, (logits, offset) -> System.arraycopy(logits, offset, expected,
          position[0]++ * vocabulary, vocabulary));
      session.restart();
      double ofWindow = 0;
      for (int t = 0; t < windowTokens; t++) {
        float[] logits = session.step(window[t]);
        double norm = logSumExp(logits, 0, vocabulary);
        if (t + 1 < windowTokens) {
          ofWindow += norm - logits[window[t + 1]];
        }
        divergence += divergence(expected, t * vocabulary, logits, norm, vocabulary);
      }
      nats += ofWindow / (windowTokens - 1);
    }
    return new DecodedQuality(Math.exp(nats / windows), divergence / windows / windowTokens);
  }

  /** Σ p (log p − log q), p of {@code expected} from {@code at} on, q of {@code logits}. */
  static double divergence(float[] expected, int at, float[] logits, double norm, int vocabulary) {
    double expectedNorm = logSumExp(expected, at, vocabulary);
    double sum = 0;
    for (int v = 0; v < vocabulary; v++) {
      double log = expected[at + v] - expectedNorm;
      sum += Math.exp(log) * (log - (logits[v] - norm));
    }
    return sum;
  }

  static double logSumExp(float[] logits, int at, int vocabulary) {
    double largest = Double.NEGATIVE_INFINITY;
    for (int v = 0; v < vocabulary; v++) {
      largest = Math.max(largest, logits[at + v]);
    }
    double sum = 0;
    for (int v = 0; v < vocabulary; v++) {
      sum += Math.exp(logits[at + v] - largest);
    }
    return largest + Math.log(sum);
  }
}
