package dev.sluice.engine.eval;

import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.model.Scratch;
import java.util.Optional;

/** What a window's hidden states behind the last layer say of its tokens. Thread-safe. */
final class WindowScorer {
  private static final int LOGIT_POSITIONS = 32;

  private final Model model;

  WindowScorer(Model model) {
    this.model = model;
  }

  /**
   * @param nats negative log likelihood of positions 2 and on, summed
   * @param correct positions whose most likely token was the text's
   * @param leading such positions before the first other one
   * @param divergence KL(reference ‖ this) in nats, its mean over all positions; 0 without a reference
   */
  record Score(double nats, int correct, int leading, double divergence) {}

  Score score(Sequence sequence) {
    return score(Optional.empty(), sequence);
  }

  /**
   * @param reference hidden states behind the last layer of another run of the same tokens
   */
  Score score(Optional<float[]> reference, Sequence sequence) {
    int vocabulary = model.spec().vocabulary();
    int hidden = model.spec().hidden();
    Scratch scratch = new Scratch();
    float[] logits = new float[LOGIT_POSITIONS * vocabulary];
    float[] expected = new float[reference.isPresent() ? logits.length : 0];
    float[] differences = new float[vocabulary];
    int[] tokens = sequence.tokens();
    // The last position predicts what is not there, but diverges like any other.
    int positions = reference.isPresent() ? tokens.length : tokens.length - 1;
    double nats = 0;
    double divergence = 0;
    int correct = 0;
    int leading = 0;
    for (int from = 0; from < positions; from += LOGIT_POSITIONS) {
      int count = Math.min(LOGIT_POSITIONS, positions - from);
      model.logitsBlock(sequence.hidden(), from * hidden, count, logits, scratch);
      if (reference.isPresent()) {
        model.logitsBlock(reference.get(), from * hidden, count, expected, scratch);
      }
      for (int t = 0; t < count; t++) {
        int row = t * vocabulary;
        int next = from + t + 1;
        float target = next < tokens.length ? logits[row + tokens[next]] : 0;
        if (next < tokens.length && tokens[next] == likeliest(logits, row, vocabulary)) {
          leading += correct == next - 1 ? 1 : 0;
          correct++;
        }
        if (reference.isPresent()) {
          for (int v = 0; v < vocabulary; v++) {
            differences[v] = expected[row + v] - logits[row + v];
          }
        }
        double offset = model.kernels().softmax(logits, row, vocabulary);
        nats += next < tokens.length ? offset - target : 0;
        if (reference.isPresent()) {
          divergence += divergence(expected, row, differences, offset);
        }
      }
    }
    return new Score(nats, correct, leading, divergence / tokens.length);
  }

  private static int likeliest(float[] logits, int row, int size) {
    int best = 0;
    for (int v = 1; v < size; v++) {
      if (logits[row + v] > logits[row + best]) {
        best = v;
      }
    }
    return best;
  }

  /**
   * Σ p (log p − log q) of one row.
   *
   * @param p logits, which become probabilities
   * @param differences logits of p less those of q
   * @param offset log Σ exp of q's logits
   */
  private double divergence(float[] p, int row, float[] differences, double offset) {
    int size = differences.length;
    double own = model.kernels().softmax(p, row, size);
    double sum = 0;
    for (int v = 0; v < size; v++) {
      sum += p[row + v] * differences[v];
    }
    return sum - (own - offset);
  }
}
