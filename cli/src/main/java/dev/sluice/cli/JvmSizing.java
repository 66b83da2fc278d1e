package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/**
 * Asked by the launcher before a verb with {@code --ram} starts: prints the options of a JVM that stays within its share,
 * one to a line. Prints nothing where the verb will refuse its arguments: it is the one to say why.
 */
final class JvmSizing {
  private JvmSizing() {}

  public static void main(String[] args) {
    try {
      ParseResult parsed = new Main().commandLine(args).parseArgs(args);
      while (parsed.hasSubcommand()) {
        parsed = parsed.subcommand();
      }
      if (parsed.commandSpec().userObject() instanceof RunCommand run) {
        run.jvmFlags().forEach(System.out::println);
      }
    } catch (ParameterException | BadInputException | FaultException e) {
      // The verb meets the same, and reports it.
      System.out.flush();
    }
  }
}
