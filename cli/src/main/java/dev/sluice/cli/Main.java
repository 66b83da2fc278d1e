package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The {@code sluice} command. Exit codes: 0 done, 1 a failure, 2 bad usage or input. */
@Command(
    name = "sluice",
    description = {
      "Runs language models that do not fit in memory: attention stays in RAM, feed-forward weights stay on flash, and each "
          + "token reads only the neurons it will use.",
      "",
      "A model's way: import, trace, bundle, run. `sluice demo` goes all of it."
    },
    mixinStandardHelpOptions = true,
    usageHelpAutoWidth = true,
    scope = ScopeType.INHERIT,
    synopsisSubcommandLabel = "VERB",
    commandListHeading = "%nVerbs:%n",
    optionListHeading = "%nOptions:%n",
    parameterListHeading = "%nParameters:%n",
    descriptionHeading = "%n",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:done", "1:a failure of device or system", "2:bad usage or input"},
    subcommands = {
      DemoCommand.class,
      ImportCommand.class,
      TraceCommand.class,
      BundleCommand.class,
      RunCommand.class,
      PerplexityCommand.class,
      CompareCommand.class,
      VerifyCommand.class,
      BenchCommand.class,
      GenerateCompletion.class
    },
    versionProvider = Main.Version.class)
public final class Main implements Runnable {
  private static final int EXIT_FAILURE = 1;
  private static final int EXIT_BAD_INPUT = 2;

  @Spec
  private CommandSpec spec;

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "With an error, print where in the program it arose.")
  private boolean verbose;

  public static void main(String[] args) {
    Stderr.restore();
    Main main = new Main();
    CommandLine line = main.commandLine();
    int exit;
    try {
      exit = line.execute(RawArguments.check(args));
    } catch (BadInputException e) {
      exit = main.report(e, line);
    }
    System.exit(exit);
  }

  CommandLine commandLine() {
    return new CommandLine(this).setExecutionExceptionHandler((e, line, _) -> report(e, line));
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing verb");
  }

  private int report(Exception e, CommandLine line) {
    boolean expected = e instanceof BadInputException || e instanceof FaultException;
    line.getErr().println("sluice: " + (expected ? e.getMessage() : e.toString()));
    if (verbose) {
      e.printStackTrace(line.getErr());
    }
    return e instanceof BadInputException ? EXIT_BAD_INPUT : EXIT_FAILURE;
  }

  /** The version that the build wrote into the jar's manifest. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {"sluice " + (version == null ? "(not packaged)" : version)};
    }
  }
}
