package dev.sluice.bench.papers;

import dev.sluice.bench.compare.Progress;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** What experiments work with: models, amounts, intervals, and somebody to tell how far they are. */
final class Laboratory {
  private static final int PARTS = 10_000;

  private final List<Measurements> models;
  private final Effort effort;
  private final PairedBootstrap bootstrap;
  private final Path work;
  private final Progress progress;
  private final List<Experiment> experiments;
  private int current = -1;
  private int done;
  private int total;

  Laboratory(List<Measurements> models, Effort effort, Path work, List<Experiment> experiments,
      Progress progress) {
    this.models = List.copyOf(models);
    this.effort = effort;
    this.work = work;
    this.experiments = List.copyOf(experiments);
    this.progress = progress;
    int windows = models.stream().mapToInt(model -> model.heldOut().length / Effort.WINDOW_TOKENS)
        .min().orElseThrow();
    this.bootstrap = new PairedBootstrap(windows, effort.resamples(), Effort.SEED);
  }

  List<Measurements> models() {
    return models;
  }

  Effort effort() {
    return effort;
  }

  /** Over the windows that all models have. */
  PairedBootstrap bootstrap() {
    return bootstrap;
  }

  /** A folder for stores that experiments make. */
  Path work() {
    return work;
  }

  void begin(int experiment) {
    current = experiment;
    done = 0;
    total = 1;
  }

  /** The current experiment will take so many steps. */
  void expect(int steps) {
    done = 0;
    total = Math.max(1, steps);
  }

  /** The next step begins. */
  void step(String what) {
    Experiment experiment = experiments.get(current);
    int before = experiments.subList(0, current).stream().mapToInt(Experiment::weight).sum();
    int all = experiments.stream().mapToInt(Experiment::weight).sum();
    double share =
        (before + experiment.weight() * Math.min(1.0, (double) done / total)) / all;
    progress.report(
        String.format(Locale.ROOT, "%s %d/%d: %s", experiment.key(), Math.min(done + 1, total),
            total, what),
        Math.round(share * PARTS), PARTS);
    done++;
  }
}
