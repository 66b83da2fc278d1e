package dev.sluice.bench.synth;

import dev.sluice.bench.compare.Progress;
import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.engine.kernel.Workers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What a written model really does, beside what was aimed at.
 *
 * @param layers one for each layer that was run, from the first on
 * @param calibrationTokens that Ripple's orders were made from
 * @param tokens of the token lists, on which everything was measured
 */
public record Measurement(
    ActivityStatistics target,
    List<ActivityStatistics> layers,
    int calibrationTokens,
    int tokens) {
  /** Tokens of the sequences that the calibration tokens are run in. */
  private static final int WINDOW_TOKENS = 256;

  public Measurement {
    layers = List.copyOf(layers);
  }

  /**
   * Runs the first layers of a file over its token lists.
   *
   * @param layers how many, at least 1
   * @throws dev.sluice.storage.BadInputException if the file is not what this synthesis writes
   */
  public static Measurement of(
      Synthesis synthesis, Path gguf, int layers, Workers workers, Progress progress) {
    int[][] calibration = windows(synthesis.calibration());
    int[][] lists = synthesis.tokenLists().stream().map(Synthesis.TokenList::ids)
        .toArray(int[][]::new);
    List<ActivityStatistics> measured = new ArrayList<>();
    try (PlantedForward forward = new PlantedForward(gguf, synthesis.model(), workers)) {
      List<Activity> train = forward.run(calibration, layers, progress);
      List<Activity> heldOut = forward.run(lists, layers, progress);
      for (int layer = 0; layer < layers; layer++) {
        progress.report("ordering", layer, layers);
        measured.add(
            ActivityStatistics.measure(
                train.get(layer), heldOut.get(layer), lists[0].length, workers.threads()));
      }
    }
    return new Measurement(
        synthesis.target(), measured, Synthesis.CALIBRATION_TOKENS,
        lists.length * lists[0].length);
  }

  private static int[][] windows(int[] tokens) {
    int[][] windows = new int[tokens.length / WINDOW_TOKENS][WINDOW_TOKENS];
    for (int w = 0; w < windows.length; w++) {
      System.arraycopy(tokens, w * WINDOW_TOKENS, windows[w], 0, WINDOW_TOKENS);
    }
    return windows;
  }

  /** The mean over the layers. */
  public ActivityStatistics achieved() {
    return ActivityStatistics.mean(layers);
  }
}
