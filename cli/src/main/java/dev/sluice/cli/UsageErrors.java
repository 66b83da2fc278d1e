package dev.sluice.cli;

import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Bad usage in one line, with the help that would have prevented it. */
final class UsageErrors implements IParameterExceptionHandler {
  private static final int EXIT_BAD_USAGE = 2;

  @Override
  public int handleParseException(ParameterException e, String[] args) {
    CommandLine line = e.getCommandLine();
    String what = what(e);
    Failures.print(
        line,
        what + (what.endsWith("?") ? " See " : "; see ") + line.getCommandSpec().qualifiedName()
            + " --help");
    return EXIT_BAD_USAGE;
  }

  private static String what(ParameterException e) {
    if (e instanceof UnmatchedArgumentException unmatched && !unmatched.getUnmatched().isEmpty()) {
      return unmatched(unmatched);
    }
    String message = e.getMessage();
    if (e instanceof MissingParameterException || !message.isEmpty()) {
      return Character.toLowerCase(message.charAt(0)) + message.substring(1);
    }
    return "bad usage";
  }

  private static String unmatched(UnmatchedArgumentException e) {
    String first = e.getUnmatched().getFirst();
    CommandLine line = e.getCommandLine();
    boolean verbWanted = line.getParent() == null;
    String kind =
        first.startsWith("-") ? "there is no option "
            : verbWanted ? "there is no verb " : "nothing is expected at ";
    List<String> similar = verbWanted && !first.startsWith("-")
        ? similarVerbs(line, first) : e.getSuggestions();
    return kind + "'" + first + "'"
        + (similar.isEmpty() ? "" : "; did you mean " + String.join(" or ", similar) + "?");
  }

  /** Verbs that begin alike; picocli's own guess offers every verb that shares a letter pair. */
  private static List<String> similarVerbs(CommandLine line, String text) {
    String start = text.substring(0, Math.min(2, text.length()));
    return start.isEmpty() ? List.of()
        : line.getSubcommands().keySet().stream().filter(v -> v.startsWith(start)).toList();
  }
}
