package dev.sluice.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.papers.Findings;
import dev.sluice.bench.papers.Findings.Chart;
import dev.sluice.bench.papers.Findings.Scale;
import dev.sluice.bench.papers.PapersResult;
import dev.sluice.bench.papers.ResultTable;
import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class PapersReportTest {
  private static final List<Column> COLUMNS = List.of(
      new Column("model", "model", "model", Digits.TEXT, 0, ""),
      new Column("reuse_percent", "reuse, %", "reuse\n%", Digits.ONE, 0, "What comes again."),
      new Column("kb_per_token", "KB per token", "KB/\ntoken", Digits.THREE, 1, ""));

  private static PapersResult result(String name) {
    List<List<Object>> rows = List.of(List.of(name, 19.64, 1234.5), List.of("b", 2.0, Double.NaN));
    return new PapersResult(
        new PapersResult.Setting("test", "2026-11-26", "quick", "a processor", "held-out.txt", 4096,
            1000, 1, List.of("a: ReLU²")),
        List.of(
            new Findings("affinity", "Hardware affinity", List.of("A sentence of " + name + "."),
                List.of(
                    new ResultTable("summary", "Reuse", Place.EVERYWHERE, COLUMNS, rows),
                    new ResultTable("page", "On the page", Place.PAGE, COLUMNS, rows),
                    new ResultTable("rows", "In files", Place.FILES, COLUMNS, rows)),
                List.of(new Chart("Curves", "summary", "reuse_percent", "kb_per_token",
                    List.of("model"), "", Scale.LOGARITHMIC, Map.of("model", "b"))))));
  }

  @Test
  void aTerminalShowsWhatIsForIt() {
    String text = PapersReport.render(result("relu2"), 60);
    text.lines().forEach(line -> assertTrue(line.length() <= 60, line));
    assertTrue(text.contains("relu2   19.6  1,234") || text.contains("relu2   19.6  1,235"), text);
    assertTrue(text.contains("b        2.0      –"), text);
    assertTrue(text.contains("A sentence of relu2."), text);
    assertFalse(text.contains("On the page") || text.contains("In files"), text);
    assertFalse(PapersReport.render(result("relu2-with-a-name"), 24).contains("KB/"),
        "rank 1 goes first");
  }

  @Test
  void jsonHasAllTablesWithUnitsInTheirKeys() {
    JsonNode json = JsonMapper.shared().readTree(PapersReport.json(result("relu2")));
    assertEquals(4096, json.get("setting").get("held_out_tokens").intValue());
    JsonNode experiment = json.get("experiments").get(0);
    assertEquals(3, experiment.get("tables").size());
    JsonNode rows = experiment.get("tables").get(2).get("rows");
    assertEquals(19.64, rows.get(0).get("reuse_percent").doubleValue());
    assertTrue(rows.get(1).get("kb_per_token").isNull(), "there is no such figure");
    JsonNode chart = experiment.get("charts").get(0);
    assertEquals("kb_per_token", chart.get("y").stringValue());
    assertEquals("b", chart.get("where").get("model").stringValue());
    assertTrue(chart.get("logarithmic").booleanValue());
  }

  @Test
  void csvIsOneFileATable(@TempDir Path folder) throws IOException {
    PapersReport.writeCsv(result("a \"quoted\", name"), folder.resolve("tables"));
    assertEquals(
        "model,reuse_percent,kb_per_token\r\n\"a \"\"quoted\"\", name\",19.64,1234.5\r\nb,2.0,\r\n",
        Files.readString(folder.resolve("tables/affinity-rows.csv")));
    try (var files = Files.list(folder.resolve("tables"))) {
      assertEquals(3, files.count());
    }
  }

  @Test
  void thePageNeedsNothingElseAndTrustsNoName() {
    String page = PapersReport.page(result("<script>alert(1)</script>"));
    assertFalse(page.contains("<script>alert"));
    assertTrue(page.contains("&lt;script&gt;alert(1)"));
    assertFalse(page.matches("(?s).*(src|href)=\"(?!data:)[^\"#].*"), "an address in it");
    assertFalse(page.contains("{{"));
    assertTrue(page.contains("On the page"));
    assertFalse(page.contains("<figcaption>In files"), "only the data hold it");
    assertTrue(page.contains("<dt>reuse, %</dt><dd>What comes again.</dd>"));
    assertTrue(page.contains("id=\"affinity\""));
  }
}
