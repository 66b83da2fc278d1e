package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

final class MainTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void versionNamesTheProgram() {
    assertEquals(0, execute("--version"));
    assertTrue(out.toString().startsWith("sluice "), out.toString());
    assertEquals("", err.toString());
  }

  @Test
  void badUsageExitsWithTwo() {
    assertEquals(2, execute("--no-such-flag"));
    assertTrue(err.toString().contains("--no-such-flag"), err.toString());
    assertEquals("", out.toString());
  }

  @Test
  void verbsThatNeedOthersHaveThem() {
    Set<String> all = new Main().commandLine().getSubcommands().keySet();
    for (String verb : List.of("demo", "help", "generate-completion", "--help")) {
      assertEquals(all, new Main().commandLine(verb, "x").getSubcommands().keySet(), verb);
    }
    assertEquals(Set.of("run"), new Main().commandLine("run", "demo").getSubcommands().keySet());
  }

  private int execute(String... args) {
    CommandLine line = new Main().commandLine(args);
    line.setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    return line.execute(args);
  }
}
