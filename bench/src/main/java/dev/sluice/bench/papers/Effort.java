package dev.sluice.bench.papers;

import java.util.List;

/**
 * How much is measured.
 *
 * @param heldOutTokens of the held-out text, at most; a whole number of windows is taken
 * @param predictorTokens the same behind the figures of each predictor and preset
 * @param cetts targets of the sweeps over sparsity, ascending; each rule's CETT-PPL-1 % target is added
 * @param predictors what is fitted, as {@code sluice bundle --predictors} names them
 * @param recalls shares of active magnitude that fits are calibrated to keep
 * @param promptTokens lengths of prompts that texts are continued after, ascending
 * @param promptedTexts texts that sessions go on with after a prompt
 * @param ioTokens tokens whose reads are made, for each arrangement
 * @param resamples of a bootstrap
 */
public record Effort(
    String name, int heldOutTokens, int predictorTokens, List<Double> cetts,
    List<String> predictors, List<Double> recalls, List<Integer> promptTokens, int promptedTexts,
    int ioTokens,
    int resamples) {
  /** Everything random begins with this. */
  static final long SEED = 1;

  /** Tokens of an evaluation window. */
  public static final int WINDOW_TOKENS = 256;

  public Effort {
    cetts = List.copyOf(cetts);
    predictors = List.copyOf(predictors);
    recalls = List.copyOf(recalls);
    promptTokens = List.copyOf(promptTokens);
  }

  /** A few minutes. */
  public static Effort quick() {
    return new Effort("quick", 3_072, 1_024, List.of(0.02, 0.05, 0.1, 0.2, 0.4),
        List.of("quantised-4", "low-rank-32"), List.of(0.97), List.of(96), 1, 16,
        1_000);
  }

  /** All of the text. */
  public static Effort full() {
    return new Effort("full", Integer.MAX_VALUE, 16_384,
        List.of(0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.56),
        List.of("quantised-1", "quantised-2", "quantised-3", "quantised-4", "quantised-8",
            "low-rank-16",
            "low-rank-32", "low-rank-64", "trained-16", "trained-32", "trained-64",
            "trained-relu-64", "early-low-rank-64", "early-trained-64", "cascade-16-2",
            "cascade-32-4", "moefication"),
        List.of(0.9, 0.95, 0.97, 0.99, 0.997), List.of(32, 96, 192), 8, 256, 4_000);
  }

  /** The same with another number of held-out tokens. */
  public Effort withHeldOutTokens(int tokens) {
    return new Effort(name, tokens, Math.min(predictorTokens, tokens), cetts, predictors, recalls,
        promptTokens, promptedTexts, ioTokens, resamples);
  }
}
