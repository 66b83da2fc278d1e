package dev.sluice.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.peers.PeerComparison;
import dev.sluice.bench.peers.PeerComparison.Figures;
import dev.sluice.bench.peers.PeerComparison.Point;
import dev.sluice.bench.peers.PeerComparison.Result;
import dev.sluice.bench.peers.PeerComparison.Setting;
import dev.sluice.bench.peers.PeerComparison.Spread;
import dev.sluice.bench.peers.TokenTime;
import dev.sluice.bench.peers.TokenTime.Lanes;
import dev.sluice.bench.peers.TokenTime.Run;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class PeerReportTest {
  private static final PeerComparison SAMPLE = sample("a model");

  private static PeerComparison sample(String model) {
    return new PeerComparison(
        new Setting("test", model, "synthetic weights", 4_900_000_000L, "llama.cpp x", "processor",
            "0,1", 2, 128, 256, 3, 600, "page cache dropped"),
        List.of(
            new Point("no limit", 0, 0,
                List.of(result("llama.cpp, all in RAM", "llama.cpp", 4.5),
                    result("Sluice, all in RAM", "Sluice", 6))),
            new Point("1/2", 2_450_000_000L, 0.5,
                List.of(result("llama.cpp, mapped", "llama.cpp", 0.3),
                    result("Sluice", "Sluice", 7.5),
                    new Result("llama.cpp, k-quant", "llama.cpp, k-quant", "", 1_900_000_000L,
                        "none fits", null, null)))));
  }

  private static Result result(String rival, String family, double tokensPerSecond) {
    Spread one = new Spread(1, 1, 1);
    return new Result(rival, family, "what it does", 4_900_000_000L, "",
        new Figures(3, 256, new Spread(tokensPerSecond, tokensPerSecond - 0.1, tokensPerSecond + 1),
            new Spread(4321, 4321, 4321), one, new Spread(12700, 12000, 13000),
            new Spread(family.equals("Sluice") ? 321 : Double.NaN, 300, 340), one, 11, 12, 13, 14,
            one, one,
            new Spread(0, 0, 0), one, Double.NaN, Double.NaN),
        family.equals("Sluice") ? tokenTime() : null);
  }

  private static TokenTime tokenTime() {
    Lanes lanes = new Lanes(0, 100, List.of(
        List.of(new Run("attention", 300), new Run("wait", 700)),
        List.of(new Run("idle", 400), new Run("compute", 600))));
    return new TokenTime(77, 100, 4000, 40,
        Map.of("attention", 30.0, "wait", 35.0, "compute", 30.0),
        60, 16, 2000, 84, 1.19, lanes, 18, lanes);
  }

  @Test
  void aTokensTimeIsDrawnAndToldInWords() {
    String page = PeerReport.page(SAMPLE);
    assertTrue(page.contains("One token's time"));
    assertTrue(page.contains("<rect class=\"k-wait\""));
    String text = PeerReport.render(SAMPLE, 300);
    assertTrue(text.contains("Token 77 took 100 ms"), text);
    assertTrue(text.contains("1.19 times the greater of the two"), text);
  }

  @Test
  void summaryIsComputedFromTheFigures() {
    assertEquals(
        "No limit: llama.cpp, all in RAM 4.50 tokens/s; Sluice, all in RAM 6.00 tokens/s. RAM 1/2 of the GGUF (2.45 GB): "
            + "llama.cpp, mapped 0.30 tokens/s; Sluice 7.50 tokens/s.",
        PeerReport.summary(SAMPLE));
  }

  @ParameterizedTest
  @ValueSource(ints = {20, 60, 100, 300})
  void noLineIsLongerThanTheTerminal(int columns) {
    String text = PeerReport.render(SAMPLE, columns);
    assertTrue(text.lines().allMatch(line -> line.codePointCount(0, line.length()) <= columns));
  }

  @Test
  void tableHoldsMedianSpreadAndQuotient() {
    String text = PeerReport.render(SAMPLE, 300);
    String row = text.lines().filter(line -> line.startsWith("Sluice ")).findFirst().orElseThrow();
    assertTrue(row.contains("7.50 (7.40–8.50)"), row);
    assertTrue(row.contains("25.0"), row);
    assertTrue(row.contains("4,321"), row);
    assertTrue(row.matches(".*12,700 +321 +11\\.0 .*"), row);
    String other = text.lines().filter(line -> line.startsWith("llama.cpp, mapped")).findFirst()
        .orElseThrow();
    assertTrue(other.matches(".*12,700 +– +11\\.0 .*"), other);
    assertTrue(text.contains("llama.cpp, k-quant: none fits"), text);
    assertTrue(text.contains("Synthetic weights (a model"), text);
  }

  @Test
  void pageHoldsEveryFigureAndItsData() {
    String page = PeerReport.page(SAMPLE);
    assertTrue(page.contains("<th scope=\"row\">Sluice</th><td class=\"figure\">7.50 (7.40–8.50)"));
    assertTrue(page.contains("none fits"));
    assertTrue(page.contains("synthetic weights"));
    int start = page.indexOf("id=\"data\">") + "id=\"data\">".length();
    JsonNode data = JsonMapper.builder().build()
        .readTree(page.substring(start, page.indexOf("</script>", start)));
    JsonNode figures = data.at("/points/1/results/1/figures");
    assertEquals(7.5, figures.at("/tokens_per_second/median").asDouble());
    assertEquals(4321, figures.at("/megabytes_per_token/median").asDouble());
    assertTrue(figures.has("time_to_first_token_ms") && figures.has("first_p50_ms"));
    assertEquals(321, figures.at("/prompt_read_wait_ms/median").asDouble());
    assertEquals(2_450_000_000L, data.at("/points/1/limit_bytes").asLong());
  }

  @Test
  void namesFromDataCannotBecomeMarkup() {
    String page = PeerReport.page(sample("</script><script>x()</script><!-- {{css}}"));
    assertEquals(PeerReport.page(SAMPLE).split("<script", -1).length,
        page.split("<script", -1).length);
    assertFalse(page.contains("<!--"));
  }

  @Test
  void fetchesNothing() {
    String page = PeerReport.page(SAMPLE);
    assertTrue(page.contains("default-src 'none'"));
    assertFalse(page.contains("sourceMappingURL"));
  }
}
