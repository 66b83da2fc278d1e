package dev.sluice.cli;

import dev.sluice.bench.kernel.ControlWay;
import dev.sluice.bench.kernel.KernelRun;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "bench",
    description = {
      "Runs JMH benchmarks of one part: cache (cost of a token in the cache, by policy and by segment size), kernels (weight bandwidth against C and against memory; under four minutes), tiles "
          + "(multiplications per second of batches) or predictors (a token at the AFM-4.5B shape).",
      "`caches` replays a trace through each cache policy, `certified` tries what --exact rests on, `io` measures the storage "
          + "engine, `papers` runs the papers' experiments, `peers` runs llama.cpp beside Sluice; these have options of their own.",
      "Figures hold for an idle machine only; they are printed with their error."
    },
    footer = {"", "Examples:", "  sluice bench cache --json cache.json",
      "  sluice bench peers --help"},
    subcommands = {CachesBenchCommand.class, CertifiedBenchCommand.class, IoBenchCommand.class,
      PapersCommand.class, PeersCommand.class})
final class BenchCommand implements Callable<Integer> {
  @Parameters(paramLabel = "PART", arity = "0..1",
      description = "cache, kernels, tiles or predictors.")
  private String part;

  @Option(names = "--seconds", paramLabel = "S", defaultValue = "1",
      description = "Seconds per iteration (kernels: of warm-up, and a quarter of that measured). Default: "
          + "${DEFAULT-VALUE}.")
  private int seconds;

  @Option(names = "--iterations", paramLabel = "N", defaultValue = "5",
      description = "Measured iterations, after three of warm-up (kernels: one). Default: ${DEFAULT-VALUE}.")
  private int iterations;

  @Option(names = "--control", paramLabel = "WAY", defaultValue = "best",
      description = "kernels: what C does. `best`: with every instruction that the machine has. `steps`: as Java's kernels do, "
          + "with what Java's vectors have. Default: ${DEFAULT-VALUE}.")
  private String control;

  @Option(names = "--json", paramLabel = "FILE", description = "Also write JMH's JSON.")
  private Path json;

  @Override
  public Integer call() {
    if (part == null) {
      throw new BadInputException("bench", "no part is named",
          "use cache, caches, certified, io, kernels, tiles, predictors, peers or papers");
    }
    if (seconds < 1 || iterations < 1) {
      throw new BadInputException("--seconds or --iterations", "is too small", "give at least 1");
    }
    ControlWay way =
        switch (control) {
          case "best" -> ControlWay.BEST;
          case "steps" -> ControlWay.STEPS;
          default ->
              throw new BadInputException("--control", "is '" + control + "'", "use best or steps");
        };
    String benchmarks =
        switch (part) {
          case "cache" -> "dev\\.sluice\\.bench\\.cache\\..*";
          case "kernels" -> "";
          case "tiles" -> "dev\\.sluice\\.bench\\.kernel\\.TileBenchmark\\..*";
          case "predictors" -> "dev\\.sluice\\.bench\\.predictor\\..*";
          default -> throw new BadInputException("bench " + part, "there is no such part",
              "use cache, caches, certified, io, kernels, tiles, predictors, peers or papers");
        };
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .forks(1)
            .warmupTime(TimeValue.seconds(seconds))
            .measurementIterations(iterations);
    if (json != null) {
      options.resultFormat(ResultFormatType.JSON).result(json.toString());
    }
    try {
      if (part.equals("kernels")) {
        options.warmupIterations(1).measurementTime(TimeValue.milliseconds(250L * seconds));
        KernelRun.run(options, way).forEach(System.out::println);
      } else {
        options.include(benchmarks).warmupIterations(3)
            .measurementTime(TimeValue.seconds(seconds)).addProfiler(GCProfiler.class);
        new Runner(options.build()).run();
      }
    } catch (RunnerException e) {
      throw new FaultException("bench " + part, "JMH gave up (" + e.getMessage() + ")",
          "see its output above", e);
    }
    return 0;
  }
}
