package dev.sluice.engine.eval;

import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.model.Scratch;

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
   */
  record Score(double nats, int correct) {}

  Score score(Sequence sequence) {
    int vocabulary = model.spec().vocabulary();
    int hidden = model.spec().hidden();
    Scratch scratch = new Scratch();
    float[] logits = new float[LOGIT_POSITIONS * vocabulary];
    int[] tokens = sequence.tokens();
    double nats = 0;
    int correct = 0;
    for (int from = 0; from < tokens.length - 1; from += LOGIT_POSITIONS) {
      int count = Math.min(LOGIT_POSITIONS, tokens.length - 1 - from);
      model.logitsBlock(sequence.hidden(), from * hidden, count, logits, scratch);
      for (int t = 0; t < count; t++) {
        int row = t * vocabulary;
        int expected = tokens[from + t + 1];
        float target = logits[row + expected];
        int best = 0;
        for (int v = 1; v < vocabulary; v++) {
          if (logits[row + v] > logits[row + best]) {
            best = v;
          }
        }
        correct += best == expected ? 1 : 0;
        nats += model.kernels().softmax(logits, row, vocabulary) - target;
      }
    }
    return new Score(nats, correct);
  }

  /**
   * KL(reference ‖ this) in nats, its mean over all positions of a window.
   *
   * @param reference hidden states behind the last layer of another run of the same tokens
   */
  double divergence(float[] reference, Sequence sequence) {
    int vocabulary = model.spec().vocabulary();
    int hidden = model.spec().hidden();
    Scratch scratch = new Scratch();
    float[] expected = new float[LOGIT_POSITIONS * vocabulary];
    float[] logits = new float[LOGIT_POSITIONS * vocabulary];
    int positions = sequence.tokens().length;
    double sum = 0;
    for (int from = 0; from < positions; from += LOGIT_POSITIONS) {
      int count = Math.min(LOGIT_POSITIONS, positions - from);
      model.logitsBlock(reference, from * hidden, count, expected, scratch);
      model.logitsBlock(sequence.hidden(), from * hidden, count, logits, scratch);
      for (int t = 0; t < count; t++) {
        sum += divergence(expected, logits, t * vocabulary, vocabulary);
      }
    }
    return sum / positions;
  }

  /** Σ p (log p − log q) of the softmax of one row each; both rows are overwritten. */
  private double divergence(float[] p, float[] q, int row, int size) {
    float[] differences = new float[size];
    for (int v = 0; v < size; v++) {
      differences[v] = p[row + v] - q[row + v];
    }
    double offset =
        model.kernels().softmax(p, row, size) - model.kernels().softmax(q, row, size);
    double sum = 0;
    for (int v = 0; v < size; v++) {
      sum += p[row + v] * differences[v];
    }
    return sum - offset;
  }
}
