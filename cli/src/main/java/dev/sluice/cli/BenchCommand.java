package dev.sluice.cli;

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
      "Runs JMH benchmarks of one part: cache (cost of a token in the window cache by segment size), io (random reads by "
          + "backend and size), kernels (weight bandwidth and batch tiles) or predictors (a token at the AFM-4.5B shape).",
      "Figures hold for an idle machine only; they are printed with their error."
    },
    footer = {"", "Example:", "  sluice bench cache --json cache.json"})
final class BenchCommand implements Callable<Integer> {
  @Parameters(paramLabel = "PART", description = "cache, io, kernels or predictors.")
  private String part;

  @Option(names = "--seconds", paramLabel = "S", defaultValue = "1",
      description = "Seconds per iteration. Default: ${DEFAULT-VALUE}.")
  private int seconds;

  @Option(names = "--iterations", paramLabel = "N", defaultValue = "5",
      description = "Measured iterations, after three of warm-up. Default: ${DEFAULT-VALUE}.")
  private int iterations;

  @Option(names = "--json", paramLabel = "FILE", description = "Also write JMH's JSON.")
  private Path json;

  @Override
  public Integer call() {
    if (seconds < 1 || iterations < 1) {
      throw new BadInputException("--seconds or --iterations", "is too small", "give at least 1");
    }
    String benchmarks =
        switch (part) {
          case "cache" -> "dev\\.sluice\\.bench\\.cache\\..*";
          case "io" -> "dev\\.sluice\\.bench\\.io\\..*";
          case "kernels" -> "dev\\.sluice\\.bench\\.kernel\\..*";
          case "predictors" -> "dev\\.sluice\\.bench\\.predictor\\..*";
          default -> throw new BadInputException("bench " + part, "there is no such part",
              "use cache, io, kernels or predictors");
        };
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include(benchmarks)
            .forks(1)
            .warmupIterations(3)
            .warmupTime(TimeValue.seconds(seconds))
            .measurementIterations(iterations)
            .measurementTime(TimeValue.seconds(seconds))
            .addProfiler(GCProfiler.class);
    if (json != null) {
      options.resultFormat(ResultFormatType.JSON).result(json.toString());
    }
    try {
      new Runner(options.build()).run();
    } catch (RunnerException e) {
      throw new FaultException("bench " + part, "JMH gave up (" + e.getMessage() + ")",
          "see its output above", e);
    }
    return 0;
  }
}
