package dev.sluice.cli;

import dev.sluice.bundler.checkpoint.Checkpoint;
import dev.sluice.bundler.importer.CheckpointSource;
import dev.sluice.storage.store.PagePlace;
import dev.sluice.storage.store.StoreRepair;
import dev.sluice.storage.store.StoreSurvey;
import dev.sluice.storage.store.StoreSurvey.Damage;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "verify",
    description = {
      "Reads all of a store and checks every digest and page checksum.",
      "Goes on to the end, whatever it finds, and lists each fault with what lies there: layer, bundles and neurons, or tensors."
    },
    footer = {"", "Examples:", "  sluice verify relu2.sluice",
      "  sluice verify relu2.sluice --repair-from models/relu2"})
final class VerifyCommand implements Callable<Integer> {
  private static final int EXIT_DAMAGED = 1;
  private static final int SHOWN = 100;

  @Spec
  private CommandSpec spec;

  @Parameters(paramLabel = "STORE", description = "The store's folder.")
  private Path folder;

  @Option(
      names = "--repair-from",
      paramLabel = "CHECKPOINT",
      description = "Write damaged pages anew from the folder or GGUF file that was imported. Only pages whose bytes then match "
          + "their checksums are written; interrupted, it can be run again.")
  private Path checkpoint;

  @Option(names = "--json", description = "Print one JSON object instead of text.")
  private boolean json;

  @Override
  public Integer call() {
    StoreSurvey.Report report;
    Optional<StoreRepair.Outcome> repaired = Optional.empty();
    try (ProgressBar bar = new ProgressBar()) {
      if (checkpoint == null) {
        report = StoreSurvey.of(folder, (done, total) -> bar.report("verifying", done, total));
      } else {
        try (Checkpoint source = Checkpoint.open(checkpoint)) {
          StoreRepair.Outcome outcome =
              StoreRepair.repair(folder, new CheckpointSource(source),
                  (done, total) -> bar.report("verifying", done, total));
          repaired = Optional.of(outcome);
          report = outcome.after();
        }
      }
    }
    if (json) {
      spec.commandLine().getOut().println(Json.write(object(report, repaired)));
      return report.isWhole() ? 0 : EXIT_DAMAGED;
    }
    repaired.filter(outcome -> outcome.pages() > 0).ifPresent(
        outcome -> spec.commandLine().getOut().println(
            folder + ": " + counted(outcome.pages(), "page") + " repaired from " + checkpoint));
    if (report.isWhole()) {
      spec.commandLine().getOut().println(folder + ": whole");
      return 0;
    }
    print(report);
    return EXIT_DAMAGED;
  }

  /** Each fault is an error, so each has its line on standard error. */
  private void print(StoreSurvey.Report report) {
    List<Damage> shown = report.damages().subList(0, Math.min(SHOWN, report.damages().size()));
    for (Damage damage : shown) {
      Failures.print(spec.commandLine(), damage.line() + "; " + advice(damage));
    }
    if (report.faults() > shown.size()) {
      Failures.print(spec.commandLine(), report.folder() + ": " + report.faults()
          + " faults in all; --json lists up to " + StoreSurvey.LISTED);
    }
  }

  private String advice(Damage damage) {
    if (damage.place() instanceof PagePlace.Container) {
      return "import or bundle the store again, or go on as it is";
    }
    return checkpoint == null
        ? "repair the store with sluice verify --repair-from, or import or bundle it again"
        : "import or bundle the store again";
  }

  private static String counted(long count, String what) {
    return count + " " + what + (count == 1 ? "" : "s");
  }

  private Map<String, Object> object(StoreSurvey.Report report,
      Optional<StoreRepair.Outcome> repaired) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("store", folder.toString());
    object.put("digest", report.digest());
    object.put("whole", report.isWhole());
    object.put("checked_bytes", report.checkedBytes());
    repaired.ifPresent(outcome -> {
      object.put("repaired_pages", outcome.pages());
      object.put("faults_before", outcome.before().faults());
    });
    object.put("faults", report.faults());
    object.put("damages", report.damages().stream().map(VerifyCommand::object).toList());
    return object;
  }

  private static Map<String, Object> object(Damage damage) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("file", damage.file().toString());
    if (damage.offsetBytes() >= 0) {
      object.put("page_offset_bytes", damage.offsetBytes());
    }
    object.put("cause", damage.cause());
    switch (damage.place()) {
      case PagePlace.Bundles bundles -> {
        object.put("layer", bundles.layer());
        object.put("first_bundle", bundles.firstPosition());
        object.put("neurons", bundles.neurons());
      }
      case PagePlace.Tensors tensors -> object.put("tensors", tensors.names());
      case PagePlace.Padding padding -> object.put("place", padding.description());
      case PagePlace.Container container -> object.put("place", container.description());
      case PagePlace.Somewhere somewhere -> object.put("place", somewhere.description());
    }
    return object;
  }
}
