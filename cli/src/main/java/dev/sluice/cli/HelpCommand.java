package dev.sluice.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "help",
    description = "Shows how a verb is used, as its --help does.",
    footer = {"", "Example:", "  sluice help run"})
final class HelpCommand implements Callable<Integer> {
  @Spec
  private CommandSpec spec;

  @Parameters(
      arity = "0..1",
      paramLabel = "VERB",
      description = "The verb; without one, all verbs are listed.")
  private String verb;

  @Override
  public Integer call() {
    CommandLine sluice = spec.commandLine().getParent();
    CommandLine wanted = verb == null ? sluice : sluice.getSubcommands().get(verb);
    if (wanted == null) {
      throw new ParameterException(sluice, "There is no verb '" + verb + "'");
    }
    wanted.usage(spec.commandLine().getOut());
    return 0;
  }
}
