package dev.sluice.cli;

import dev.sluice.bench.demo.Workshop;
import dev.sluice.bench.papers.Effort;
import dev.sluice.bench.papers.ModelSource;
import dev.sluice.bench.papers.ModelSource.Origin;
import dev.sluice.bench.papers.Papers;
import dev.sluice.bench.papers.PapersResult;
import dev.sluice.bench.report.PapersReport;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.text.TextFile;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.Store;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "papers",
    description = {
      "Runs the experiments of \"ReLU² Wins\" on the four twins that come with Sluice, and on bundled stores of yours.",
      "What is measured is kept in --dir: a run that was stopped goes on where it was. docs/papers.md says what is run."
    },
    footer = {"", "Examples:", "  sluice bench papers --quick --html papers.html",
      "  sluice bench papers --only sparsity,affinity --csv tables"})
final class PapersCommand implements Callable<Integer> {
  private static final String NO_TWINS = "none";
  private static final List<String> TWINS = List.of("relu", "relu2", "reglu", "swiglu");

  @Spec
  private CommandSpec spec;

  @Parameters(paramLabel = "STORE", arity = "0..*",
      description = "Bundled stores to measure beside the twins, with the predictors that they have.")
  private List<Path> stores = List.of();

  @Option(names = "--quick", description = "Fewer tokens and predictors: a few minutes.")
  private boolean quick;

  @Option(names = "--only", paramLabel = "LIST", split = ",",
      description = "Some experiments: agreement, sparsity, cett, affinity, magnitudes, predictivity, sequence, context, systems "
          + "or ranking. Default: all.")
  private List<String> only = List.of();

  @Option(names = "--twins", paramLabel = "LIST", split = ",",
      defaultValue = "relu,relu2,reglu,swiglu",
      description = "Which of the twins, or none. Default: ${DEFAULT-VALUE}.")
  private List<String> twins;

  @Option(names = "--text", paramLabel = "FILE",
      description = "The text of every figure, UTF-8. Default: the held-out text that comes with Sluice.")
  private Path text;

  @Option(names = "--tokens", paramLabel = "N",
      description = "Take the first N tokens of it, whole windows of 256. Default: all; with --quick 3072.")
  private Integer tokens;

  @Mixin
  private ReadingOptions reading;

  @Option(names = "--dir", paramLabel = "FOLDER", defaultValue = "sluice-data",
      description = "Where stores and measurements are kept. Default: ${DEFAULT-VALUE}.")
  private Path folder;

  @Option(names = "--html", paramLabel = "FILE",
      description = "Also write the report as one HTML file.")
  private Path html;

  @Option(names = "--json", paramLabel = "FILE",
      description = "Also write all tables as one JSON object.")
  private Path json;

  @Option(names = "--csv", paramLabel = "FOLDER",
      description = "Also write each table as a CSV file.")
  private Path csv;

  @Override
  public Integer call() {
    Effort effort = effort();
    Papers.check(only);
    requireModels();
    ReportOptions.requireWritable(html);
    ReportOptions.requireWritable(json);
    Path file = text == null ? Embedded.model("held-out.txt") : text;
    String heldOut = TextFile.read(file);
    makeFolder(folder);
    if (csv != null) {
      makeFolder(csv);
    }
    PapersResult result;
    try (Workers workers = reading.workers(); ProgressBar bar = new ProgressBar()) {
      List<ModelSource> models = models(new Workshop(folder, workers, reading.backend(), bar));
      Papers.Request request = new Papers.Request(models, effort, only,
          folder.resolve("papers"), heldOut, file.getFileName().toString(), reading.backend());
      result = Papers.run(request, workers, bar);
    }
    if (html != null) {
      PapersReport.write(result, html);
    }
    ReportOptions.write(json, PapersReport.json(result));
    if (csv != null) {
      PapersReport.writeCsv(result, csv);
    }
    spec.commandLine().getOut().print(PapersReport.render(result, Terminal.columns()));
    return 0;
  }

  private Effort effort() {
    Effort effort = quick ? Effort.quick() : Effort.full();
    if (tokens == null) {
      return effort;
    }
    if (tokens < Effort.WINDOW_TOKENS) {
      throw new BadInputException("--tokens " + tokens, "is less than one window",
          "give at least " + Effort.WINDOW_TOKENS);
    }
    return effort.withHeldOutTokens(tokens);
  }

  private List<ModelSource> models(Workshop workshop) {
    List<ModelSource> models = new ArrayList<>();
    for (String twin : chosenTwins()) {
      Path bundled = workshop.bundled(twin, Embedded.model(twin),
          Embedded.model("calibration.txt"), Embedded.model("search.txt"));
      models.add(new ModelSource(twin, bundled,
          Optional
              .of(new Origin(folder.resolve(twin + ".sluice"), folder.resolve(twin + ".trace"))),
          text == null ? Optional.of(Embedded.model(twin).resolve("expected.json"))
              : Optional.empty()));
    }
    for (Path store : stores) {
      models.add(new ModelSource(store.getFileName().toString(), store, Optional.empty(),
          Optional.empty()));
    }
    return models;
  }

  private List<String> chosenTwins() {
    return twins.equals(List.of(NO_TWINS)) ? List.of() : twins;
  }

  /** Before minutes of work. */
  private void requireModels() {
    for (String twin : chosenTwins()) {
      if (!TWINS.contains(twin)) {
        throw new BadInputException("--twins " + twin, "there is no such twin",
            "use " + String.join(", ", TWINS) + " or " + NO_TWINS);
      }
    }
    if (stores.isEmpty() && chosenTwins().isEmpty()) {
      throw new BadInputException("bench papers", "no model is named",
          "name a store, or leave out --twins");
    }
    for (Path store : stores) {
      Store.open(store).close();
    }
  }

  private static void makeFolder(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new FaultException(folder, "cannot be made (" + FaultException.reason(e) + ")",
          "name another folder", e);
    }
  }
}
