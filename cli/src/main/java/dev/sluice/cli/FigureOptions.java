package dev.sluice.cli;

import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

/** Where the figures of a part of {@code bench} go: the terminal, or JSON in its place; and files beside. */
final class FigureOptions {
  @Option(names = "--markdown", paramLabel = "FILE", description = "Also write Markdown.")
  private Path markdown;

  @Option(names = {"-o", "--output"}, paramLabel = "FILE",
      description = "Also write the JSON object to this file.")
  private Path output;

  @Option(names = "--json", description = "Print one JSON object instead of tables.")
  private boolean json;

  /** Before minutes of work, not after them. */
  void requireWritable() {
    ReportOptions.requireWritable(output);
    ReportOptions.requireWritable(markdown);
  }

  Optional<Path> output() {
    return Optional.ofNullable(output);
  }

  /**
   * Writes the files that are asked for.
   *
   * @return what the terminal gets
   */
  String written(String asJson, Supplier<String> asMarkdown, Supplier<String> asTables) {
    if (markdown != null) {
      ReportOptions.write(markdown, asMarkdown.get());
    }
    ReportOptions.write(output, asJson);
    return json ? asJson + "\n" : asTables.get();
  }
}
