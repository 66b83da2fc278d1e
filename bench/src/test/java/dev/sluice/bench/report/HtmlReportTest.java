package dev.sluice.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.compare.Comparison;
import dev.sluice.bench.compare.Comparison.ModelResult;
import dev.sluice.bench.compare.Comparison.Rung;
import dev.sluice.bench.compare.Comparison.Saved;
import dev.sluice.bench.compare.Comparison.SavedPoint;
import dev.sluice.bench.compare.Comparison.Width;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HtmlReportTest {
  private static final Pattern ADDRESS =
      Pattern.compile(
          "(?i)(?:\\b(?:src|href|srcset|action)\\s*=\\s*[\"']?|url\\(\\s*[\"']?|@import\\s*[\"']?)([^\"')\\s>]*)");

  @Test
  void holdsEveryRowOfEveryTable() {
    Comparison sample = SampleComparison.sample();
    String page = HtmlReport.page(sample);
    for (ModelResult model : sample.models()) {
      for (Width width : model.widths()) {
        for (Rung rung : width.ladder()) {
          assertRow(page, rung.name(), Digits.kilobytes(rung.figures().bytesReadPerToken()));
          assertRow(page, rung.name(), Digits.three(rung.figures().requestsPerToken()));
        }
        for (Rung rung : width.leaveOneOut()) {
          assertRow(page, rung.name(), Digits.kilobytes(rung.figures().bytesReadPerToken()));
        }
      }
      model.rules().forEach(
          rule -> assertRow(page, rule.rule() + ", " + rule.predictor(),
              Digits.fixed(rule.perplexity(), 2)));
      for (int layer = 0; layer < model.layers(); layer++) {
        assertRow(page, "" + layer,
            Digits.percent(model.rules().getFirst().activeShareByLayer().get(layer)));
      }
    }
    for (Saved saved : sample.saved()) {
      for (SavedPoint point : saved.points()) {
        assertRow(page, saved.equality(), Digits.percent(point.savedShare()));
        assertRow(page, saved.equality(), Digits.kilobytes(point.second().bytesPerToken()));
      }
    }
  }

  /** A row whose heading is {@code name} has a cell with {@code cell}. */
  private static void assertRow(String page, String name, String cell) {
    Pattern row =
        Pattern.compile(
            "<tr><th scope=\"row\">" + Pattern.quote(HtmlTable.escape(name)) + "</th>[^\n]*>"
                + Pattern.quote(cell)
                + "</td>");
    assertTrue(row.matcher(page).find(), () -> "no row " + name + " with " + cell);
  }

  @Test
  void fetchesNothing() {
    String page = HtmlReport.page(SampleComparison.sample());
    Matcher library = Pattern.compile("(?s)<script>\n/\\*!.*?</script>").matcher(page);
    assertTrue(library.find());
    String own = page.substring(0, library.start()) + page.substring(library.end());
    List<String> addresses = ADDRESS.matcher(own).results().map(m -> m.group(1)).toList();
    assertEquals(List.of("data:,"), addresses);
    assertFalse(own.contains("://"), "an address outside the library");
    assertFalse(page.contains("sourceMappingURL"));
    Matcher policy = Pattern.compile("http-equiv=\"Content-Security-Policy\" content=\"([^\"]*)\"")
        .matcher(page);
    assertTrue(policy.find());
    assertTrue(policy.group(1).startsWith("default-src 'none';"));
    assertFalse(policy.group(1).contains("http"));
  }

  @Test
  void keepsTheNoticeOfTheChartLibrary() {
    String page = HtmlReport.page(SampleComparison.sample());
    assertTrue(page.contains("Permission is hereby granted, free of charge"));
    assertTrue(page.contains("Chart.js Contributors"));
  }

  @Test
  void namesFromDataCannotBecomeMarkup() {
    Comparison hostile =
        SampleComparison.named("</script><script>x()</script><!-- <b>\"&{{css}}\u2028");
    String plain = HtmlReport.page(SampleComparison.sample());
    String page = HtmlReport.page(hostile);
    assertEquals(count("<script", plain), count("<script", page));
    assertEquals(count("</script", plain), count("</script", page));
    assertEquals(count("<!--", plain), count("<!--", page));
    assertEquals(count("<b>", plain), count("<b>", page));
    assertTrue(page.contains("{{css}}"), "what is filled in is not filled again");
    assertEquals(hostile, JsonReport.parse(data(page)));
  }

  private static String data(String page) {
    Matcher data = Pattern.compile("id=\"data\">(.*?)</script>", Pattern.DOTALL).matcher(page);
    assertTrue(data.find());
    return data.group(1);
  }

  private static long count(String text, String page) {
    return Pattern.compile(text, Pattern.LITERAL).matcher(page).results().map(MatchResult::start)
        .count();
  }

  @Test
  void summarisesTheSavingAtTheShareOfTheLadders() {
    Headline headline = new Headline(SampleComparison.sample());
    assertEquals(0.5, headline.point(true).orElseThrow().ramShare());
    assertTrue(headline.summary().contains("reads 70 % fewer FFN bytes per token"),
        headline::summary);
    assertTrue(headline.summary().contains("76 % fewer with bundles padded to 10.2 and 15.4 KB"),
        headline::summary);
    assertEquals(2, headline.summary().split("\\. (?=[A-Z])|\\.$").length, headline::summary);
  }

  @Test
  void replacesAnOlderPageAndLeavesNothingBeside(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("report.html");
    Files.writeString(file, "old");
    HtmlReport.write(SampleComparison.sample(), file);
    assertTrue(Files.readString(file).startsWith("<!DOCTYPE html>"));
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(file), files.toList());
    }
  }

  @Test
  void saysWhichFileCannotBeWritten(@TempDir Path folder) {
    Path file = folder.resolve("missing").resolve("report.html");
    FaultException fault =
        assertThrows(FaultException.class, () -> HtmlReport.write(SampleComparison.sample(), file));
    assertTrue(fault.getMessage().startsWith(file.toString()), fault::getMessage);
    assertFalse(fault.getMessage().contains("\n"));
  }
}
