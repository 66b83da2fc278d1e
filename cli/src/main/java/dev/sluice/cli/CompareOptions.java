package dev.sluice.cli;

import dev.sluice.bench.compare.Comparer;
import dev.sluice.engine.text.TextFile;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** How thorough a comparison is. */
final class CompareOptions {
  @Option(
      names = "--text",
      paramLabel = "FILE",
      description = "The text that is decoded and evaluated, UTF-8. Default: the held-out text that comes with Sluice.")
  private Path text;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Tokens decoded and measured per run. Default: 256; demo: 96.")
  private Integer decoded;

  @Option(
      names = "--eval-tokens",
      paramLabel = "N",
      description = "Tokens behind each perplexity. Default: the whole text; demo: 16384.")
  private Integer evaluated;

  Comparer.Options thorough(Path work, ReadingOptions reading) {
    return options(work, reading, decoded == null ? 256 : decoded, evaluated == null ? Integer.MAX_VALUE : evaluated,
        List.of(0.125, 0.25, 0.375, 0.5, 0.625, 0.75));
  }

  Comparer.Options brief(Path work, ReadingOptions reading) {
    return options(work, reading, decoded == null ? 96 : decoded, evaluated == null ? 16_384 : evaluated,
        List.of(0.125, 0.25, 0.5, 0.75));
  }

  private Comparer.Options options(Path work, ReadingOptions reading, int tokens, int evalTokens, List<Double> shares) {
    Path file = text == null ? Embedded.model("held-out.txt") : text;
    return new Comparer.Options(
        work,
        TextFile.read(file),
        file.getFileName().toString(),
        reading.backend(),
        256,
        evalTokens,
        Math.min(evalTokens, 8_192),
        tokens,
        Math.max(16, tokens / 2),
        Math.max(8, tokens / 8),
        0.5,
        shares,
        0.5);
  }
}
