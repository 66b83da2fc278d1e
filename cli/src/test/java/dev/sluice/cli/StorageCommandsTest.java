package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code probe} and {@code bench io}: a small probe, and what both refuse before they begin. */
final class StorageCommandsTest {
  @TempDir
  private Path folder;

  @Test
  void aSmallProbeFitsAModelAndLeavesNothingBehind() throws IOException {
    Path page = folder.resolve("page.html");
    CommandRun run = CommandRun.inProcess("probe", folder.toString(), "--seconds", "1",
        "--file-size", "64M", "--bytes", "256M", "--no-keep", "--html", page.toString(), "--json");
    assertEquals(0, run.exit(), run.err());
    JsonNode probe = JsonMapper.shared().readTree(run.out());
    assertTrue(probe.get("fit").get("bytes_per_second").doubleValue() > 0);
    assertTrue(probe.get("fit").get("request_micros").doubleValue() >= 0);
    long least = 64L << 20;
    assertTrue(probe.get("setting").get("file_bytes").longValue() == least);
    // At least one request of each combination in each round, whatever the bytes allow.
    assertTrue(probe.get("setting").get("read_bytes").longValue() <= 512L << 20, run.out());
    List<String> combinations = new ArrayList<>();
    for (JsonNode cell : probe.get("cells")) {
      assertTrue(cell.get("mb_per_s").doubleValue() > 0);
      combinations.add(cell.get("backend").asString() + cell.get("pattern").asString()
          + cell.get("request_bytes").asInt() + "x" + cell.get("in_flight").asInt());
    }
    assertEquals(combinations.size(), combinations.stream().distinct().count());
    assertTrue(combinations.contains("mmapRANDOM4096x1"), combinations.toString());
    assertTrue(Files.readString(page).startsWith("<!DOCTYPE html>"));
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(page), files.toList());
    }
  }

  @Test
  void whatCannotBeIsRefused() {
    refused("/missing: is no folder", "probe", "/missing");
    refused("--seconds 0.5: ", "probe", folder.toString(), "--seconds", "0.5");
    refused("--file-size or --bytes: ", "probe", folder.toString(), "--file-size", "1M");
    refused("--compare dd: is not known", "probe", folder.toString(), "--compare", "dd");
    refused("--compare dd: is not known", "bench", "io", "--against-c", "--compare", "dd");
    refused("--courses all: there is no such course", "bench", "io", "--against-c", "--courses",
        "random,all");
    refused("--store and --trace: go together", "bench", "io", "--against-c", "--store", "a");
    refused("/missing: is no file", "bench", "io", "--against", "/missing");
    refused("--seconds or --iterations: ", "bench", "io", "--iterations", "0");
  }

  private static void refused(String start, String... args) {
    CommandRun run = CommandRun.inProcess(args);
    assertEquals(CommandRun.BAD_INPUT, run.exit(), run.err());
    assertTrue(run.err().startsWith("sluice: " + start), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
  }
}
