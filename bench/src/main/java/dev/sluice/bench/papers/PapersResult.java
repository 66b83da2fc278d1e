package dev.sluice.bench.papers;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.store.ModelSpec;
import java.time.LocalDate;
import java.util.List;
import java.util.Locale;

/** What a run of experiments found, and under which circumstances; text, page, JSON and CSV are views of it. */
public record PapersResult(Setting setting, List<Findings> findings) {
  public PapersResult {
    findings = List.copyOf(findings);
  }

  /**
   * @param models a line for each: name, FFN, shape, digest
   * @param heldOutTokens that figures are of; kept measurements may have been made on an earlier day
   */
  public record Setting(
      String madeBy, String date, String effort, String processor, String text,
      int heldOutTokens, int resamples, long seed, List<String> models) {
    public Setting {
      models = List.copyOf(models);
    }

    static Setting of(Papers.Request request, List<Measurements> models, Workers workers) {
      return new Setting(
          "sluice bench papers",
          LocalDate.now().toString(),
          request.effort().name(),
          System.getProperty("os.arch") + ", " + workers.threads() + " threads, "
              + Kernels.best().name() + " kernels",
          request.heldOutName(),
          models.stream().mapToInt(model -> model.heldOut().length).max().orElseThrow(),
          request.effort().resamples(),
          Effort.SEED,
          models.stream().map(model -> describe(model.model())).toList());
    }

    private static String describe(PaperModel model) {
      ModelSpec spec = model.spec();
      return String.format(Locale.ROOT,
          "%s: %s, %d layers of %d neurons, hidden width %d, bundles of %d bytes, store %s",
          model.name(), model.activation(), spec.layers(), spec.feedForward(), spec.hidden(),
          spec.bundleBytes(), model.store().digest().substring(0, 12));
    }
  }
}
