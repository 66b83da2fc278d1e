package dev.sluice.bench.kernel;

import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/** Runs {@link WeightBenchmark} and {@link ScatteredBenchmark} with the control compiled, and lays out what came of it. */
public final class KernelRun {
  private static final String LINE = "%-14s %-5s %7s %8s %8s %8s %8s %10s";
  private static final String SCATTERED = "%-14s %7s %8s %8s %8s";

  private KernelRun() {}

  /**
   * @param options everything but what to run
   * @param way what Java is compared with
   * @return lines of tables: GB/s, ms and ratios: the fastest operation of each iteration, and of those the median
   * @throws RunnerException if JMH gives up
   */
  public static List<String> run(ChainedOptionsBuilder options, ControlWay way)
      throws RunnerException {
    Path folder = temporary();
    try {
      String library =
          Control.compile(folder, way).map(Path::toString).orElse(WeightBenchmark.NONE);
      options.param("library", library);
      List<String> lines = table(measure(WeightBenchmark.class, options), library, way);
      lines.addAll(scattered(measure(ScatteredBenchmark.class, options)));
      return lines;
    } finally {
      delete(folder);
    }
  }

  private static Collection<RunResult> measure(Class<?> benchmark, ChainedOptionsBuilder options)
      throws RunnerException {
    Options only =
        new OptionsBuilder().parent(options.build())
            .include(benchmark.getName().replace(".", "\\.") + "\\.").build();
    return new Runner(only).run();
  }

  private static List<String> scattered(Collection<RunResult> results) {
    List<String> lines = new ArrayList<>();
    lines.add("");
    lines.add(
        String.format(Locale.ROOT, SCATTERED, "scattered", "threads", "C", "Java", "Java/C"));
    for (RunResult result : results) {
      for (String part : List.of("Rows", "Columns")) {
        double control = ScatteredBenchmark.LAYERS * median(result, "control" + part);
        double java = ScatteredBenchmark.LAYERS * median(result, "java" + part);
        lines.add(String.format(Locale.ROOT, SCATTERED, part.toLowerCase(Locale.ROOT),
            result.getParams().getParam("threads"), digits(control), digits(java),
            digits(java / control)));
      }
    }
    lines.add("ms a token of the AFM-4.5B shape, 1,900 of 18,432 neurons in each of 36 layers");
    return lines;
  }

  private static List<String> table(
      Collection<RunResult> results, String library, ControlWay way) {
    List<String> lines = new ArrayList<>();
    lines.add(String.format(Locale.ROOT, LINE, "weights", "from", "threads", "memory", "C", "Java",
        "Java/C", "of memory"));
    for (RunResult result : results) {
      double memory = median(result, "memory");
      double control = median(result, "control");
      double java = median(result, "java");
      lines.add(String.format(Locale.ROOT, LINE,
          Product.valueOf(result.getParams().getParam("product")).title(),
          result.getParams().getParam("source"),
          result.getParams().getParam("threads"),
          digits(memory), digits(control), digits(java), digits(java / control),
          digits(java / memory)));
    }
    lines.add("GB/s of weights, all threads together; memory is plain reading of the same bytes");
    if (way == ControlWay.STEPS) {
      lines
          .add("C takes the steps of Java's kernels, in the instructions that Java's vectors become"
              + " (f16, q8_0 and int8 rows)");
    }
    if (library.equals(WeightBenchmark.NONE)) {
      lines.add("no gcc was found, so nothing was measured against C");
    }
    return lines;
  }

  private static double median(RunResult result, String counter) {
    double[] values =
        result.getBenchmarkResults().stream()
            .flatMap(b -> b.getIterationResults().stream())
            .mapToDouble(i -> score(i, counter))
            .sorted()
            .toArray();
    return values.length == 0 ? Double.NaN : values[values.length / 2];
  }

  private static double score(IterationResult iteration, String counter) {
    return iteration.getSecondaryResults().get(counter).getScore();
  }

  private static String digits(double x) {
    return !Double.isFinite(x) || x == 0 ? "-"
        : String.format(Locale.ROOT, x < 10 ? "%.2f" : "%.1f", x);
  }

  private static Path temporary() {
    try {
      return Files.createTempDirectory("sluice-kernels");
    } catch (IOException e) {
      throw new FaultException("the folder for temporary files", e.toString(), "free space there",
          e);
    }
  }

  private static void delete(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
      Files.delete(folder);
    } catch (IOException e) {
      throw new FaultException(folder.toString(), e.toString(), "delete it by hand", e);
    }
  }
}
