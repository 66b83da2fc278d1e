package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

/** The help of every verb there is, whichever way it is asked for. */
final class HelpTest {
  private static final int COLUMNS = 80;

  static Stream<String> verbs() {
    return new Main().commandLine().getSubcommands().keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("verbs")
  void fitsATerminalAndNamesTheExitCodes(String verb) {
    CommandRun help = CommandRun.inProcess(verb, "--help");
    assertHelp(help);
    assertTrue(help.out().contains("sluice " + verb), help::toString);
    assertEquals(help, CommandRun.inProcess("help", verb));
  }

  @ParameterizedTest
  @MethodSource("verbs")
  void theListNamesEveryVerb(String verb) {
    CommandRun help = CommandRun.inProcess("--help");
    assertHelp(help);
    assertTrue(help.out().lines().anyMatch(line -> line.startsWith("  " + verb)), help::toString);
    assertEquals(help, CommandRun.inProcess("help"));
  }

  @ParameterizedTest
  @MethodSource("verbs")
  void verbsAreCalledWhatTheyCallThemselves(String verb) {
    CommandLine line = new Main().commandLine().getSubcommands().get(verb);
    assertEquals(
        verb, line.getCommand().getClass().getAnnotation(CommandLine.Command.class).name());
  }

  private static void assertHelp(CommandRun help) {
    help.assertDone();
    assertEquals("", help.err());
    help.out().lines().forEach(line -> assertTrue(line.length() <= COLUMNS,
        () -> line.length() + " columns: " + line));
    assertTrue(help.out().contains("Exit codes:"), help::toString);
    for (String code : new String[] {"0", "1", "2", "130"}) {
      assertTrue(help.out().lines().anyMatch(line -> line.matches(" +" + code + " +\\S.*")),
          () -> "exit code " + code + " is missing: " + help);
    }
  }
}
