package dev.sluice.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.compare.Comparison;
import dev.sluice.bench.compare.Comparison.ModelResult;
import dev.sluice.bench.compare.Comparison.Rung;
import dev.sluice.bench.compare.Comparison.Width;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ConsoleReportTest {
  private final Comparison sample = SampleComparison.sample();

  @Test
  void noLineIsLongerThanTheTerminal() {
    for (int columns : IntStream.rangeClosed(20, 160).toArray()) {
      for (String line : ConsoleReport.render(sample, columns).split("\n")) {
        int width = line.codePointCount(0, line.length());
        assertTrue(width <= columns, () -> columns + " columns: " + line);
      }
    }
    assertThrows(IllegalArgumentException.class, () -> ConsoleReport.render(sample, 19));
  }

  @Test
  void aWideTerminalGetsEveryNameAndColumn() {
    String text = ConsoleReport.render(sample, 110);
    for (ModelResult model : sample.models()) {
      for (Width width : model.widths()) {
        for (Rung rung : width.ladder()) {
          String row =
              text.lines()
                  .filter(line -> line.startsWith(rung.name()))
                  .filter(line -> line
                      .contains(" " + Digits.kilobytes(rung.figures().bytesReadPerToken()) + " "))
                  .findFirst()
                  .orElseThrow(() -> new AssertionError(rung.name()));
          assertEquals(9, row.substring(rung.name().length()).strip().split(" +").length, row);
        }
      }
    }
    assertFalse(text.contains("…"), text);
  }

  @Test
  void eightyColumnsKeepTheFiguresOfTheLadder() {
    String text = ConsoleReport.render(sample, 80);
    assertTrue(text.contains("half pinned, rest streamed"), text);
    assertTrue(text.contains("P99"), text);
    assertTrue(text.contains("I/O saved by relu2 versus swiglu"), text);
  }

  @Test
  void figuresEndInOneColumn() {
    Table<Rung> ladder = RunTables.ladder(sample.models().getFirst(),
        sample.models().getFirst().widths().getFirst());
    List<String> lines = TextTable.render(ladder, 120);
    assertEquals(1,
        lines.subList(2, lines.size()).stream().mapToInt(String::length).distinct().count());
  }

  @Test
  void narrowTerminalsLoseColumnsByRankBeforeNames() {
    Table<String> table =
        new Table<>(
            "t",
            List.of(
                Column.text("name", "name", row -> row),
                Column.figure("a", "first", 0, "", _ -> "1"),
                Column.figure("b", "second", 2, "", _ -> "2"),
                Column.figure("c", "third", 1, "", _ -> "3")),
            List.of("a name of twenty-four ch", "b"));
    assertEquals("name                      first  second  third",
        TextTable.render(table, 46).getFirst());
    assertEquals("name                     first second third",
        TextTable.render(table, 43).getFirst());
    assertEquals("name                     first third", TextTable.render(table, 36).getFirst());
    assertEquals(List.of("name           first", "a name of twe…     1", "b                  1"),
        TextTable.render(table, 20));
  }

  @Test
  void digitsDoNotFollowTheMachinesLanguage() {
    Locale before = Locale.getDefault();
    String expected = ConsoleReport.render(sample, 100);
    try {
      Locale.setDefault(Locale.GERMANY);
      assertEquals(expected, ConsoleReport.render(sample, 100));
    } finally {
      Locale.setDefault(before);
    }
  }

  @Test
  void figuresHaveThreeDigits() {
    assertEquals("0", Digits.three(0));
    assertEquals("0.12", Digits.three(0.123));
    assertEquals("9.99", Digits.three(9.994));
    assertEquals("10.0", Digits.three(9.996));
    assertEquals("100", Digits.three(99.96));
    assertEquals("12,346", Digits.three(12345.6));
    assertEquals("-3.50", Digits.three(-3.5));
    assertEquals("–", Digits.three(Double.NaN));
    assertEquals("12.5", Digits.brief(0.125));
    assertEquals("50", Digits.brief(0.5));
    assertEquals("1.50 GB", Digits.size(1.5e9));
  }
}
