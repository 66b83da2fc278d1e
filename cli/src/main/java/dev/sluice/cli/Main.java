package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The {@code sluice} command. Exit codes: 0 done, 1 a failure, 2 bad usage or input. */
@Command(
    name = "sluice",
    description = {
      "Runs language models that do not fit in memory: attention stays in RAM, feed-forward weights stay on flash, and each "
          + "token reads only the neurons it will use.",
      "",
      "A model's way: import, trace, bundle, run. `sluice demo` goes all of it. `sluice help VERB` explains a verb."
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
    exitCodeList = {
      "0:done", "1:a failure of device or system", "2:bad usage or input",
      "130:interrupted by Ctrl-C"
    },
    versionProvider = Main.Version.class)
public final class Main implements Runnable {
  /** In the order in which help lists them. */
  private static final List<Map.Entry<String, Class<?>>> VERBS =
      List.of(
          Map.entry("demo", DemoCommand.class),
          Map.entry("import", ImportCommand.class),
          Map.entry("trace", TraceCommand.class),
          Map.entry("bundle", BundleCommand.class),
          Map.entry("run", RunCommand.class),
          Map.entry("plan", PlanCommand.class),
          Map.entry("probe", ProbeCommand.class),
          Map.entry("perplexity", PerplexityCommand.class),
          Map.entry("compare", CompareCommand.class),
          Map.entry("synth", SynthCommand.class),
          Map.entry("verify", VerifyCommand.class),
          Map.entry("bench", BenchCommand.class),
          Map.entry("help", HelpCommand.class),
          Map.entry("generate-completion", GenerateCompletion.class));

  /** These speak of other verbs or call them. */
  private static final Set<String> NEED_ALL = Set.of("demo", "help", "generate-completion");

  @Spec
  private CommandSpec spec;

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "With an error, print where in the program it arose.")
  private boolean verbose;

  public static void main(String[] args) {
    Stderr.restore();
    StandardOutput stdout = StandardOutput.ofProcess();
    Main main = new Main();
    CommandLine line = main.commandLine(args).setOut(stdout.writer());
    int exit;
    try {
      exit = line.execute(RawArguments.check(args));
    } catch (BadInputException e) {
      exit = main.report(e, line);
    }
    System.exit(stdout.finish(exit, fault -> main.report(fault, line)));
  }

  /**
   * What parses {@code args}: with the verb alone that they begin with, where they do, for to set up the options of all the
   * others takes a third of a second.
   */
  CommandLine commandLine(String... args) {
    List<Map.Entry<String, Class<?>>> called =
        VERBS.stream()
            .filter(verb -> args.length > 0 && verb.getKey().equals(args[0]))
            .filter(verb -> !NEED_ALL.contains(verb.getKey()))
            .toList();
    return commandLine(called.isEmpty() ? VERBS : called);
  }

  private CommandLine commandLine(List<Map.Entry<String, Class<?>>> verbs) {
    CommandLine line = new CommandLine(this);
    verbs.forEach(verb -> line.addSubcommand(verb.getKey(), verb.getValue()));
    // A prompt may begin with @: it is no file of arguments.
    line.setExpandAtFiles(false)
        .setParameterExceptionHandler(new UsageErrors())
        .setExecutionExceptionHandler((e, verb, _) -> report(e, verb))
        .setExecutionStrategy(this::runReportingErrors);
    Values.register(line);
    return line;
  }

  /** The exception handler hears no {@link Error}s, but memory that runs out deserves one line too. */
  private int runReportingErrors(ParseResult parsed) {
    try {
      return new RunLast().execute(parsed);
    } catch (Error e) {
      return report(e, spec.commandLine());
    }
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "There is no verb");
  }

  private int report(Throwable e, CommandLine line) {
    return Failures.report(
        e, line, verbose ? Failures.Trace.SHOWN : Failures.Trace.HIDDEN);
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
