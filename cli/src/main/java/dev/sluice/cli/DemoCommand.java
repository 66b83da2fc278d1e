package dev.sluice.cli;

import dev.sluice.bench.compare.Comparer;
import dev.sluice.bench.compare.Comparison;
import dev.sluice.bench.demo.Workshop;
import dev.sluice.bench.report.ConsoleReport;
import dev.sluice.bench.report.HtmlReport;
import dev.sluice.bench.report.JsonReport;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "demo",
    description = {
      "Shows what Sluice is for, on two small models that come with it: a ReLU² and a SwiGLU twin.",
      "Imports, traces and bundles them, generates text from flash, and reports the I/O that ReLU² saves. Stores are kept in "
          + "--dir and used again next time."
    })
final class DemoCommand implements Callable<Integer> {
  private static final String FIRST = "relu2";
  private static final String SECOND = "swiglu";
  private static final String PROMPT = "The door of the inn opened, and";

  @Spec
  private CommandSpec spec;

  @Mixin
  private CompareOptions compare;

  @Mixin
  private ReadingOptions reading;

  @Option(
      names = "--dir",
      paramLabel = "FOLDER",
      defaultValue = "sluice-data",
      description = "Where stores and the report are kept. Default: ${DEFAULT-VALUE} in the current folder.")
  private Path folder;

  @Override
  public Integer call() {
    long start = System.nanoTime();
    PrintWriter out = spec.commandLine().getOut();
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new BadInputException(
          folder, "no folder can be made of it (" + FaultException.reason(e) + ")",
          "name another one with --dir", e);
    }
    Comparer.Options options = compare.brief(folder.resolve("layouts"), reading);
    Comparison comparison;
    try (Workers workers = reading.workers();
        ProgressBar bar = new ProgressBar()) {
      Workshop workshop = new Workshop(folder, workers, reading.backend(), bar);
      Path first = bundled(workshop, FIRST, out, bar);
      Path second = bundled(workshop, SECOND, out, bar);
      bar.clear();
      out.printf("%ngenerating with %s, half of its FFN in RAM:%n%n%s", FIRST, PROMPT);
      out.flush();
      int exit =
          spec.commandLine()
              .getParent()
              .execute("run", "-m", first.toString(), "-p", PROMPT, "-n", "48", "--temp", "0.8",
                  "--seed", "1");
      if (exit != 0) {
        return exit; // it said why
      }
      out.printf("%ncomparing %s and %s, every figure a real run:%n", FIRST, SECOND);
      out.flush();
      comparison =
          new Comparer(options, workers, bar).compare(FIRST, first, SECOND, second);
    }
    Path html = folder.resolve("report.html");
    Path json = folder.resolve("report.json");
    HtmlReport.write(comparison, html);
    try {
      Files.writeString(json, JsonReport.json(comparison));
    } catch (IOException e) {
      throw new FaultException(json, "cannot be written (" + FaultException.reason(e) + ")",
          "check the folder and its free space", e);
    }
    out.println(ConsoleReport.render(comparison, Terminal.columns()));
    out.printf(
        Locale.ROOT,
        "report: %s%ndata:   %s%n%.0f s in all; `./sluice compare` measures longer, `./sluice run --help` says how to go on%n",
        html.toAbsolutePath(),
        json.toAbsolutePath(),
        (System.nanoTime() - start) / 1e9);
    return 0;
  }

  private static Path bundled(Workshop workshop, String name, PrintWriter out, ProgressBar bar) {
    long start = System.nanoTime();
    Path store =
        workshop.bundled(
            name, Embedded.model(name), Embedded.model("calibration.txt"),
            Embedded.model("search.txt"));
    bar.clear();
    out.printf(Locale.ROOT, "%-6s imported, traced and bundled: %s (%.1f s)%n", name, store,
        (System.nanoTime() - start) / 1e9);
    out.flush();
    return store;
  }
}
