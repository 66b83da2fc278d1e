package dev.sluice.bench.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BaselineTest {
  @TempDir
  Path folder;

  private Path file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  private static String result(String method, String mode, String unit, String score) {
    return """
        {"benchmark": "dev.sluice.bench.io.PlannerBenchmark.%s", "mode": "%s",
         "params": {"missShare": "0.1"},
         "primaryMetric": {"score": %s, "scoreError": "NaN", "scoreUnit": "%s"},
         "secondaryMetrics": {"gc.alloc.rate.norm": {"score": 2.5}}}"""
        .formatted(method, mode, score, unit);
  }

  @Test
  void aboveOneIsFasterForSpeedsAndForTimes() throws IOException {
    Path before = file("before", "[" + result("a", "thrpt", "ops/s", "100") + ","
        + result("b", "avgt", "us/op", "100") + "," + result("gone", "avgt", "us/op", "1") + ","
        + result("unit", "avgt", "ms/op", "1") + "]");
    Path now = file("now", "[" + result("a", "thrpt", "ops/s", "150") + ","
        + result("b", "avgt", "us/op", "50") + "," + result("new", "avgt", "us/op", "1") + ","
        + result("unit", "avgt", "us/op", "1") + "]");
    List<Baseline.Line> lines = Baseline.compare(before, now);
    assertEquals(2, lines.size());
    assertEquals("Planner.a missShare=0.1", lines.get(0).benchmark());
    assertEquals(1.5, lines.get(0).speedRatio(), 1e-12);
    assertEquals(2, lines.get(1).speedRatio(), 1e-12);
    assertEquals(50, lines.get(1).score());
    assertTrue(Double.isNaN(lines.get(1).error()));
    assertEquals(2.5, lines.get(1).baselineAllocatedBytes());
  }

  @Test
  void whatIsNoResultOfJmhIsSaid() throws IOException {
    Path now = file("now", "[" + result("a", "thrpt", "ops/s", "150") + "]");
    for (String bad : new String[] {"", "{", "[]", "{}", "3", "[{}]",
      "[" + result("z", "thrpt", "ops/s", "1") + "]"}) {
      var e = assertThrows(BadInputException.class,
          () -> Baseline.compare(file("bad", bad), now), bad);
      assertTrue(e.getMessage().startsWith(folder.resolve("bad").toString()), e.getMessage());
    }
    assertThrows(BadInputException.class,
        () -> Baseline.compare(folder.resolve("missing"), now));
  }
}
