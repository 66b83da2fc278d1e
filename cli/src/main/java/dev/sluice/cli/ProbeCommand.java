package dev.sluice.cli;

import dev.sluice.bench.io.DeviceSurvey;
import dev.sluice.bench.io.SurveyResult;
import dev.sluice.bench.report.JsonReport;
import dev.sluice.bench.report.SurveyReport;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.plan.DeviceModel;
import dev.sluice.storage.plan.DeviceModels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "probe",
    description = {
      "Measures the device that a folder is on: random and sequential reads of 4 KiB to 1 MiB, by depth and backend, from a "
          + "file that is written for it and deleted. Fits what a request and a byte cost.",
      "The model is kept for the file system, under $XDG_CACHE_HOME/sluice or ~/.cache/sluice; `run` merges reads by it and "
          + "`plan` foretells by it. Figures hold for an idle machine."
    },
    footer = {"", "Example:", "  sluice probe models --html probe.html"})
final class ProbeCommand implements Callable<Integer> {
  private static final long LEAST_FILE_BYTES = 64L << 20;

  @Spec
  private CommandSpec spec;

  @Parameters(paramLabel = "FOLDER", arity = "0..1", defaultValue = ".",
      description = "On the device. Default: the current folder.")
  private Path folder;

  @Option(names = "--seconds", paramLabel = "S", defaultValue = "45",
      description = "How long it may take, about. Default: ${DEFAULT-VALUE}.")
  private double seconds;

  @Option(names = "--file-size", paramLabel = "SIZE", converter = Bytes.Converter.class,
      defaultValue = "1G", description = "Of the file. Default: ${DEFAULT-VALUE}.")
  private Bytes fileSize;

  @Option(names = "--bytes", paramLabel = "SIZE", converter = Bytes.Converter.class,
      defaultValue = "32G", description = "Read at most this much. Default: ${DEFAULT-VALUE}.")
  private Bytes bytes;

  @Mixin
  private GuestOption guest;

  @Option(names = "--no-keep", description = "Do not keep the model.")
  private boolean forget;

  @Mixin
  private ReportOptions report;

  @Override
  public Integer call() {
    report.requireWritable();
    SurveyResult survey;
    try (ProgressBar bar = new ProgressBar()) {
      survey = DeviceSurvey.run(plan(), new Main.Version().getVersion()[0], Processor.name(), bar);
    }
    report.html().ifPresent(file -> SurveyReport.write(survey, file));
    spec.commandLine().getOut().print(report.wantsJson() ? JsonReport.json(survey) + "\n"
        : SurveyReport.render(survey, Terminal.columns()));
    if (!forget) {
      Path kept = DeviceModels.ofUser(System.getenv()).keep(folder,
          new DeviceModel(survey.fit().requestMicros(), survey.fit().bytesPerSecond()),
          survey.fit().reader(), survey.setting().measuredAt());
      if (!report.wantsJson()) {
        spec.commandLine().getOut().println("kept in " + kept);
      }
    }
    return 0;
  }

  private DeviceSurvey.Plan plan() {
    if (!Files.isDirectory(folder)) {
      throw new BadInputException(folder, "is no folder", "name one on the device");
    }
    if (!(seconds >= 1) || seconds > 3600) {
      throw new BadInputException("--seconds " + seconds, "is not possible", "give 1 to 3600");
    }
    if (fileSize.count() < LEAST_FILE_BYTES || bytes.count() < fileSize.count()) {
      throw new BadInputException("--file-size or --bytes", "is too small",
          "give a file of at least 64M, and no fewer bytes than the file has");
    }
    return new DeviceSurvey.Plan(folder.toAbsolutePath(), fileSize.count(), seconds, bytes.count(),
        guest.guest());
  }
}
