package dev.sluice.bench.io;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Results of JMH, compared with those of another time. */
public final class Baseline {
  private static final String ALLOCATED = "gc.alloc.rate.norm";
  private static final String THROUGHPUT = "thrpt";

  private Baseline() {}

  /**
   * A benchmark that both have.
   *
   * @param score now, in {@code unit}
   * @param error JMH's, of {@code score}
   * @param speedRatio to the baseline: above 1 is faster, whether the unit is a speed or a time
   * @param allocatedBytes of an operation, now; NaN if it was not measured
   * @param baselineAllocatedBytes the same then
   */
  public record Line(
      String benchmark, String unit, double score, double error, double speedRatio,
      double allocatedBytes, double baselineAllocatedBytes) {}

  /**
   * @param baseline JMH's JSON
   * @param now the same
   * @return what both have, in the order of {@code now}
   * @throws BadInputException if one is no such file, or they have nothing in common
   */
  public static List<Line> compare(Path baseline, Path now) {
    Map<String, JsonNode> before = read(baseline);
    List<Line> lines = new ArrayList<>();
    read(now).forEach((name, result) -> {
      JsonNode other = before.get(name);
      if (other != null && other.path("mode").equals(result.path("mode"))
          && unit(other).equals(unit(result))) {
        double ratio = score(result) / score(other);
        boolean isSpeed = result.path("mode").asString("").equals(THROUGHPUT);
        lines.add(new Line(name, unit(result), score(result),
            number(result.path("primaryMetric").path("scoreError")), isSpeed ? ratio : 1 / ratio,
            allocated(result), allocated(other)));
      }
    });
    if (lines.isEmpty()) {
      throw new BadInputException(baseline, "has no benchmark that was run now",
          "make it with sluice bench io -o FILE");
    }
    return lines;
  }

  /** By name and parameters. */
  private static Map<String, JsonNode> read(Path file) {
    try {
      Map<String, JsonNode> results = new LinkedHashMap<>();
      for (JsonNode result : JsonMapper.shared().readTree(Files.readString(file))) {
        String full = result.path("benchmark").asString("");
        String[] parts = full.split("\\.");
        StringBuilder name = new StringBuilder(parts.length < 2 ? full
            : parts[parts.length - 2].replace("Benchmark", "") + "." + parts[parts.length - 1]);
        for (Map.Entry<String, JsonNode> param : result.path("params").properties()) {
          name.append(' ').append(param.getKey()).append('=').append(param.getValue().asString());
        }
        results.put(name.toString(), result);
      }
      return results;
    } catch (JacksonException e) {
      throw new BadInputException(file, "is no JSON of JMH", "make it with sluice bench io -o FILE",
          e);
    } catch (IOException e) {
      throw new BadInputException(file, "cannot be read (" + FaultException.reason(e) + ")",
          "check the path", e);
    }
  }

  private static String unit(JsonNode result) {
    return result.path("primaryMetric").path("scoreUnit").asString("");
  }

  private static double score(JsonNode result) {
    return number(result.path("primaryMetric").path("score"));
  }

  private static double allocated(JsonNode result) {
    return number(result.path("secondaryMetrics").path(ALLOCATED).path("score"));
  }

  /** JMH writes NaN as text. */
  private static double number(JsonNode node) {
    return node.isNumber() ? node.doubleValue() : Double.NaN;
  }
}
