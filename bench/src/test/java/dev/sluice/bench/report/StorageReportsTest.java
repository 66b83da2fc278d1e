package dev.sluice.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.cache.CacheResult;
import dev.sluice.bench.io.RaceResult;
import dev.sluice.bench.io.SurveyResult;
import dev.sluice.bench.io.SurveyResult.Cell;
import dev.sluice.bench.io.SurveyResult.Pattern;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Views of races and probes. */
class StorageReportsTest {
  private static final RaceResult RACE = new RaceResult(
      new RaceResult.Setting("test", "6.1", "a processor", "/f", 128, 9, 1,
          List.of("fio is not installed")),
      List.of(new RaceResult.Course("random, 4 KiB", "C",
          List.of(
              new RaceResult.Entry("C", "", 16_384, 300, 2.5, 1, 1, 1, 1),
              new RaceResult.Entry("io_uring | same", "io_uring", 16_384, 297, 2.75, 0.99, 0.9,
                  1.1, 1.1)))));

  private static final CacheResult CACHES = new CacheResult(
      new CacheResult.Setting("test", "6.1", "a processor", "a reader", "a.sluice", "b.trace", 6,
          1024, 10_240, 0.08, 256, 64, 9, 16_384),
      List.of(
          new CacheResult.Point(0.125,
              List.of(
                  new CacheResult.Entry("window", 0.9, 0.307, 4_243_000, 204, 72.5, 4.13, 1, 1, 1),
                  new CacheResult.Entry(CacheResult.BOUND, 0.9, 0.427, 3_505_000, 180, 99.25, 3.49,
                      0.866, 0.61, 0.98)))));

  private static SurveyResult survey(String device) {
    List<Cell> cells = new ArrayList<>();
    for (Pattern pattern : Pattern.values()) {
      for (int bytes : new int[] {4096, 16384}) {
        cells.add(new Cell("io_uring", "io_uring", pattern, bytes, 128, 9, bytes / 10.0, 10));
        cells.add(new Cell("mmap", "mmap", pattern, bytes, 1, 9, bytes / 100.0, 100));
      }
    }
    return new SurveyResult(
        new SurveyResult.Setting("test", "6.1", "a processor", device, "2026-11-26T11:00:00Z",
            1L << 30, 2L << 30, 40, 3, 1, List.of()),
        cells, new SurveyResult.Fit(20.8, 2.4e9, "io_uring", 0.07, 49_152, 524_288),
        List.of(new SurveyResult.Guest("fio-3", 4096, 128, 300, 1.25)));
  }

  @Test
  void aRaceAsTextMarkdownAndJson() {
    String text = RaceReport.render(RACE, 100);
    assertTrue(text.contains("random, 4 KiB, against C"), text);
    assertTrue(text.contains("0.990"), text);
    assertTrue(text.contains("fio is not installed."), text);
    String markdown = RaceReport.markdown(RACE);
    assertTrue(markdown.contains("| io_uring \\| same | 297 | 0.990 | 0.90–1.10 | 2.75 | 1.100 |"),
        markdown);
    JsonNode entry = JsonMapper.shared().readTree(JsonReport.json(RACE)).get("courses").get(0)
        .get("entries").get(1);
    assertEquals(0.99, entry.get("throughput_ratio").doubleValue());
    assertEquals(297, entry.get("mb_per_s").doubleValue());
  }

  @Test
  void aTrialOfCachesAsTextMarkdownAndJson() {
    String text = CacheReport.render(CACHES, 100);
    assertTrue(text.contains("Slots for 12.5 % of the FFN"), text);
    assertTrue(text.contains("0.866"), text);
    assertFalse(text.contains("99.2"), "who knows the future has no time of its own: " + text);
    assertTrue(text.contains("9 rounds of 64 tokens after 256"), text);
    assertTrue(text.lines().allMatch(line -> line.length() <= 100), text);
    String markdown = CacheReport.markdown(CACHES);
    assertTrue(
        markdown.contains("| window | 90 | 4.13 | 1.000 | 1.00–1.00 | 30.7 | 4,243 | 204 | 72.5 |"),
        markdown);
    JsonNode entry = JsonMapper.shared().readTree(JsonReport.json(CACHES)).get("points").get(0)
        .get("entries").get(1);
    assertEquals(3.49, entry.get("io_ms_per_token").doubleValue());
    assertEquals(0.9, entry.get("pin_share").doubleValue());
  }

  @ParameterizedTest
  @ValueSource(ints = {40, 80, 120})
  void noLineIsLongerThanTheTerminal(int columns) {
    String all = RaceReport.render(RACE, columns) + SurveyReport.render(survey("a disk"), columns);
    all.lines().forEach(
        line -> assertTrue(line.codePointCount(0, line.length()) <= columns, line));
  }

  @Test
  void aProbesPageHoldsItsFiguresAndEscapesNames() {
    String page = SurveyReport.page(survey("</script><b>disk"));
    assertFalse(page.contains("</script><b>"));
    assertTrue(page.contains("&lt;/script&gt;&lt;b&gt;disk"));
    assertTrue(page.contains("merged over gaps of up to 48 KiB, into requests of up to 512 KiB"));
    int begin = page.indexOf("id=\"data\">") + "id=\"data\">".length();
    JsonNode data = JsonMapper.shared()
        .readTree(page.substring(begin, page.indexOf("</script>", begin)));
    assertEquals(8, data.get("cells").size());
    for (String key : new String[] {"backend", "pattern", "request_bytes", "in_flight", "mb_per_s",
      "request_micros"}) {
      assertTrue(data.get("cells").get(0).has(key), key); // the page's script asks for these
    }
    assertEquals(20.8, data.get("fit").get("request_micros").doubleValue());
    assertEquals(2.4e9, data.get("fit").get("bytes_per_second").doubleValue());
  }

  @Test
  void aSizeThatWasNotMeasuredIsADash() {
    SurveyResult all = survey("a disk");
    SurveyResult some = new SurveyResult(all.setting(), all.cells().subList(0, 3), all.fit(),
        List.of());
    String text = SurveyReport.render(some, 100);
    assertTrue(text.contains("–"), text);
    assertFalse(text.contains("fio"), text);
  }
}
