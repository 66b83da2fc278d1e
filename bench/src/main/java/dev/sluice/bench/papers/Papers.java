package dev.sluice.bench.papers;

import dev.sluice.bench.compare.Progress;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Runs experiments over models. */
public final class Papers {
  private Papers() {}

  /** All there are, in the order in which they are told of. Add new ones here. */
  private static List<Experiment> experiments() {
    return List.of(
        new Agreement(),
        new SparsityAgainstQuality(),
        new CettAgainstSparsity(),
        new HardwareAffinity(),
        new OutputMagnitudes(),
        new Predictivity(),
        new SequenceMethods(),
        new ContextEffects(),
        new SystemsCompared(),
        new Ranking());
  }

  /**
   * What to run.
   *
   * @param only keys of experiments; empty for all
   * @param work where measurements are kept, and stores that experiments make
   * @param heldOut the text of every figure
   * @param heldOutName what it is called
   */
  public record Request(
      List<ModelSource> models, Effort effort, List<String> only, Path work, String heldOut,
      String heldOutName, Backend backend) {
    public Request {
      models = List.copyOf(models);
      only = List.copyOf(only);
    }
  }

  /** Keys of all experiments, as a list in words. */
  static String keys() {
    return experiments().stream().map(Experiment::key).collect(Collectors.joining(", "));
  }

  /**
   * @throws BadInputException if there is no experiment of one of these keys
   */
  public static void check(List<String> only) {
    chosen(only);
  }

  /**
   * Runs, going on from what an earlier run with the same request kept.
   *
   * @throws BadInputException if a store has no thresholds, or there is no such experiment
   */
  public static PapersResult run(Request request, Workers workers, Progress progress) {
    List<Experiment> chosen = chosen(request.only);
    List<Measurements> models = new ArrayList<>();
    try {
      Kept kept = new Kept(request.work.resolve("kept"));
      for (ModelSource source : request.models) {
        PaperModel model = new PaperModel(source, request.heldOut, workers, request.backend);
        models.add(new Measurements(model, request.effort, kept));
      }
      Laboratory laboratory =
          new Laboratory(models, request.effort, request.work, chosen, progress);
      List<Findings> findings = new ArrayList<>();
      for (int e = 0; e < chosen.size(); e++) {
        laboratory.begin(e);
        findings.add(chosen.get(e).run(laboratory));
      }
      return new PapersResult(PapersResult.Setting.of(request, models, workers), findings);
    } finally {
      models.forEach(Measurements::close);
    }
  }

  private static List<Experiment> chosen(List<String> only) {
    List<Experiment> all = experiments();
    for (String key : only) {
      if (all.stream().noneMatch(experiment -> experiment.key().equals(key))) {
        throw new BadInputException("--only " + key, "there is no such experiment",
            "use some of " + keys());
      }
    }
    return only.isEmpty() ? all
        : all.stream().filter(experiment -> only.contains(experiment.key())).toList();
  }
}
