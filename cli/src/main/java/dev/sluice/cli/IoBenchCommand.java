package dev.sluice.cli;

import dev.sluice.bench.io.Baseline;
import dev.sluice.bench.io.RacePlan;
import dev.sluice.bench.io.RaceResult;
import dev.sluice.bench.io.ReaderRace;
import dev.sluice.bench.report.BaselineReport;
import dev.sluice.bench.report.JsonReport;
import dev.sluice.bench.report.RaceReport;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.cache.WindowCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "io",
    description = {
      "Measures the storage engine. Without options: JMH benchmarks of readers, planner, window cache and checksums (-o then "
          + "writes JMH's JSON).",
      "--against-c lets the readers race a C loop with io_uring, O_DIRECT and huge pages that gcc compiles on the spot, in "
          + "turns; with --store and --trace also over what the tokens of a trace miss.",
      "Figures hold for an idle machine only."
    },
    footer = {"", "Example:",
      "  sluice bench io --against-c --store relu2-bundled.sluice --trace relu2.trace --compare fio"})
final class IoBenchCommand implements Callable<Integer> {
  private static final String WINDOW_CACHE =
      "dev\\.sluice\\.bench\\.cache\\.WindowCacheBenchmark\\..*";
  private static final int WARM_ITERATIONS = 3;

  @Spec
  private CommandSpec spec;

  @Option(names = "--against-c", description = "Race a C loop.")
  private boolean againstC;

  @Option(names = "--against", paramLabel = "BASELINE",
      description = "Print ratios to an earlier -o FILE.")
  private Path baseline;

  @Option(names = "--seconds", paramLabel = "S", defaultValue = "1",
      description = "Seconds per iteration of JMH. Default: ${DEFAULT-VALUE}.")
  private int seconds;

  @Option(names = "--iterations", paramLabel = "N", defaultValue = "5",
      description = "Measured iterations of JMH, after three of warm-up. Default: ${DEFAULT-VALUE}.")
  private int iterations;

  @Option(names = "--folder", paramLabel = "FOLDER", defaultValue = ".",
      description = "On the disk to be read; a file of random bytes is written there and kept. Default: the current folder.")
  private Path folder;

  @Option(names = "--file-size", paramLabel = "SIZE", converter = Bytes.Converter.class,
      defaultValue = "2G", description = "Of that file. Default: ${DEFAULT-VALUE}.")
  private Bytes fileSize;

  @Option(names = "--rounds", paramLabel = "N", defaultValue = "9",
      description = "Rounds. Default: ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(names = "--courses", paramLabel = "LIST", split = ",", defaultValue = "random,misses",
      description = "What is read: random, misses (only with --store). Default: ${DEFAULT-VALUE}.")
  private List<String> courses;

  @Option(names = "--store", paramLabel = "STORE",
      description = "A bundled store, whose misses are read too; needs --trace.")
  private Path store;

  @Option(names = "--trace", paramLabel = "FILE", description = "The trace that it was made from.")
  private Path trace;

  @Option(names = "--stride", paramLabel = "BYTES", defaultValue = "10240",
      description = "Pad the store's bundles to so many bytes; 0: not. Default: ${DEFAULT-VALUE}.")
  private int stride;

  @Option(names = "--tokens", paramLabel = "N", defaultValue = "1000",
      description = "Tokens of the trace. Default: ${DEFAULT-VALUE}.")
  private int tokens;

  @Mixin
  private GuestOption guest;

  @Mixin
  private FigureOptions figures;

  @Override
  public Integer call() {
    figures.requireWritable();
    if (!againstC) {
      return benchmarks();
    }
    RaceResult race;
    try (ProgressBar bar = new ProgressBar()) {
      race = ReaderRace.run(plan(), new Main.Version().getVersion()[0], Processor.name(), bar);
    }
    spec.commandLine().getOut().print(figures.written(JsonReport.json(race),
        () -> RaceReport.markdown(race), () -> RaceReport.render(race, Terminal.columns())));
    return 0;
  }

  /** JMH's part; its output goes to standard output as it comes. */
  private int benchmarks() {
    if (seconds < 1 || iterations < 1) {
      throw new BadInputException("--seconds or --iterations", "is too small", "give at least 1");
    }
    if (baseline != null && !Files.isRegularFile(baseline)) {
      throw new BadInputException(baseline, "is no file", "make it with sluice bench io -o FILE");
    }
    Path result = figures.output().orElseGet(IoBenchCommand::temporary);
    try {
      new Runner(new OptionsBuilder().forks(1)
          .include("dev\\.sluice\\.bench\\.io\\..*").include(WINDOW_CACHE)
          .param("segmentBundles", Integer.toString(WindowCache.DEFAULT_SEGMENT_BUNDLES))
          .jvmArgsAppend("--enable-native-access=ALL-UNNAMED", "-Xmx1g",
              "-Dsluice.bench.folder=" + folder.toAbsolutePath())
          .warmupIterations(WARM_ITERATIONS).warmupTime(TimeValue.seconds(seconds))
          .measurementIterations(iterations).measurementTime(TimeValue.seconds(seconds))
          .addProfiler(GCProfiler.class).resultFormat(ResultFormatType.JSON)
          .result(result.toString()).build()).run();
      if (baseline != null) {
        spec.commandLine().getOut()
            .print(BaselineReport.render(Baseline.compare(baseline, result), Terminal.columns()));
      }
    } catch (RunnerException e) {
      throw new FaultException("bench io", "JMH gave up (" + e.getMessage() + ")",
          "see its output above", e);
    } finally {
      if (figures.output().isEmpty()) {
        result.toFile().delete();
      }
    }
    return 0;
  }

  private static Path temporary() {
    try {
      return Files.createTempFile("sluice-jmh-", ".json");
    } catch (IOException e) {
      throw new FaultException("temporary folder",
          "cannot be written (" + FaultException.reason(e) + ")", "free some space in it", e);
    }
  }

  private RacePlan plan() {
    if (rounds < 1 || tokens < 1 || fileSize.count() < 64 << 20) {
      throw new BadInputException("--rounds, --tokens or --file-size", "is too small",
          "give at least 1, 1 and 64M");
    }
    if ((store == null) != (trace == null)) {
      throw new BadInputException("--store and --trace", "go together", "give both or neither");
    }
    Optional<RacePlan.Misses> misses = store == null ? Optional.empty()
        : Optional.of(new RacePlan.Misses(store, trace, stride));
    return new RacePlan(folder.toAbsolutePath(), fileSize.count() >> 23 << 23, rounds, tokens,
        kinds(), misses, guest.guest());
  }

  private Set<RacePlan.Kind> kinds() {
    Set<RacePlan.Kind> kinds = EnumSet.noneOf(RacePlan.Kind.class);
    for (String course : courses) {
      kinds.add(switch (course) {
        case "random" -> RacePlan.Kind.RANDOM;
        case "misses" -> RacePlan.Kind.MISSES;
        default -> throw new BadInputException("--courses " + course, "there is no such course",
            "use random or misses");
      });
    }
    return kinds;
  }
}
