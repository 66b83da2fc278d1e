package dev.sluice.bench.compare;

import dev.sluice.engine.ledger.Summary;
import java.util.List;

/**
 * Everything that a comparison measured; the table, the JSON and the HTML report are views of it. Keys carry units.
 *
 * @param setting where and over what
 * @param models one entry per model, in the order given
 * @param saved bytes that the first model saves against the second, by several notions of equality
 */
public record Comparison(Setting setting, List<ModelResult> models, List<Saved> saved) {

  /**
   * @param device file system and how it was read, such as {@code ext4, io_uring O_DIRECT}
   * @param text what was decoded and evaluated
   * @param evaluatedTokens tokens behind every perplexity of a rung
   * @param matchedTokens tokens on which losses were made equal
   * @param decodedTokens tokens measured per run, after {@code warmTokens}
   * @param denseDecodedTokens the same for runs that read every neuron, which differ little from token to token
   * @param ramShare slots and predictor as a share of the FFN, for the ladders
   * @param pinnedShare share of the slots that hold the most frequent bundles when there is a window
   */
  public record Setting(
      String madeBy, String device, String processor, String text, int evaluatedTokens,
      int matchedTokens,
      int decodedTokens, int warmTokens, int denseDecodedTokens, double ramShare,
      double pinnedShare) {}

  /**
   * @param name short name of the model, such as {@code relu2}
   * @param activation its FFN, such as {@code ReLU², ungated}
   * @param densePerplexity on the evaluated text
   * @param onePercentCett its CETT-PPL-1 % target (output rule)
   * @param rules quality by rule and predictor, as evaluated layer by layer
   */
  public record ModelResult(
      String name, String activation, int layers, int neurons, int hidden, long ffnBytes,
      int bundleBytes,
      double densePerplexity, double denseNats, double onePercentCett, List<Quality> rules,
      List<Width> widths) {}

  /** Quality of one rule under one predictor. Recall and shares are over all evaluated positions. */
  public record Quality(
      String rule, String predictor, double cett, double perplexity, double nats, double accuracy,
      double activeShare,
      double predictedShare, double magnitudeRecall, double countRecall, long predictorBytes,
      List<Double> activeShareByLayer) {}

  /**
   * The ladder at one bundle width.
   *
   * @param padded whether bundles are padded to a larger model's width
   * @param ffnBytesOnDisk all bundles at this width
   * @param budgetBytes slots and predictor, at this width
   */
  public record Width(
      boolean padded, int bundleBytesOnDisk, long ffnBytesOnDisk, long budgetBytes,
      List<Rung> ladder,
      List<Rung> leaveOneOut) {}

  /**
   * One real run.
   *
   * @param name what this rung adds, or leaves out
   * @param slots bundles that fit in RAM beside the predictor
   * @param pinned of these, held for good
   */
  public record Rung(
      String name, String layout, String order, String rule, String predictor, double cett,
      int slots, int pinned,
      String merging, double perplexity, Summary figures) {}

  /**
   * Bytes saved by the first model against the second.
   *
   * @param equality what was made equal, such as {@code absolute loss}
   * @param padded bundle width
   */
  public record Saved(String equality, boolean padded, List<SavedPoint> points) {}

  /**
   * @param ramShare slots and predictor as a share of the FFN
   * @param savedShare 1 − first's bytes / second's
   */
  public record SavedPoint(double ramShare, Side first, Side second, double savedShare) {}

  /** One side of a saving: its best configuration and what that read. */
  public record Side(
      String rule, String predictor, double cett, double nats, double bytesPerToken,
      double requestsPerToken,
      double ioMillisPerToken, double hitRate, String configuration) {}
}
