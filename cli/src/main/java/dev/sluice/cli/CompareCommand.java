package dev.sluice.cli;

import dev.sluice.bench.compare.Comparer;
import dev.sluice.bench.compare.Comparison;
import dev.sluice.bench.report.ConsoleReport;
import dev.sluice.bench.report.HtmlReport;
import dev.sluice.bench.report.JsonReport;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.store.StoreFormat;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "compare",
    description = {
      "Compares two bundled stores: what each part of the method saves, and what the first model reads less than the second.",
      "Every figure is a real run with direct reads at the same RAM. Layouts that it needs are written to --work and kept."
    },
    footer = {"", "Example:",
      "  sluice compare relu2-bundled.sluice swiglu-bundled.sluice --html report.html"})
final class CompareCommand implements Callable<Integer> {
  @Spec
  private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "A", description = "The first store.")
  private Path first;

  @Parameters(index = "1", paramLabel = "B", description = "The second store.")
  private Path second;

  @Mixin
  private CompareOptions compare;

  @Mixin
  private ReadingOptions reading;

  @Option(
      names = "--work",
      paramLabel = "FOLDER",
      defaultValue = "sluice-data/layouts",
      description = "Where other layouts of the two stores are kept. Default: ${DEFAULT-VALUE}.")
  private Path work;

  @Mixin
  private ReportOptions report;

  @Override
  public Integer call() {
    report.requireWritable();
    Comparison comparison;
    try (Workers workers = reading.workers();
        ProgressBar bar = new ProgressBar()) {
      comparison =
          new Comparer(compare.thorough(work, reading), workers, bar)
              .compare(name(first), first, name(second), second);
    }
    report.html().ifPresent(file -> HtmlReport.write(comparison, file));
    spec.commandLine()
        .getOut()
        .println(report.wantsJson() ? JsonReport.json(comparison)
            : ConsoleReport.render(comparison, Terminal.columns()));
    return 0;
  }

  /** {@code relu2} for {@code …/relu2-bundled.sluice}. */
  private static String name(Path store) {
    Path last = store.toAbsolutePath().normalize().getFileName();
    String name = last == null ? "store" : last.toString();
    name = name.endsWith(StoreFormat.FOLDER_SUFFIX)
        ? name.substring(0, name.length() - StoreFormat.FOLDER_SUFFIX.length()) : name;
    return name.endsWith("-bundled") ? name.substring(0, name.length() - "-bundled".length())
        : name;
  }
}
