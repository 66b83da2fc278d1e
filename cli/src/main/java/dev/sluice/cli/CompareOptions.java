package dev.sluice.cli;

import dev.sluice.bench.compare.Comparer;
import dev.sluice.engine.text.TextFile;
import dev.sluice.storage.BadInputException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** How thorough a comparison is. */
final class CompareOptions {
  private static final int WINDOW_TOKENS = 256;
  private static final int FEWEST_TOKENS = 8;
  private static final int WARM_TOKENS = 16;
  private static final double RAM_SHARE = 0.5;

  // On the twins' search text bytes per token fall as more is pinned; a tenth is left to follow the text at hand.
  private static final double PINNED_SHARE = 0.9;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description = "The text that is decoded and evaluated, UTF-8. Default: the held-out text that comes with Sluice.")
  private Path text;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Tokens decoded and measured per run. Default: 256; demo: 64.")
  private Integer decoded;

  @Option(
      names = "--eval-tokens",
      paramLabel = "N",
      description = "Tokens behind each perplexity. Default: the whole text; demo: 8192.")
  private Integer evaluated;

  /** What `sluice compare` measures. */
  Comparer.Options thorough(Path work, ReadingOptions reading) {
    List<Double> shares = List.of(0.125, 0.25, 0.375, 0.5, 0.625, 0.75);
    return options(work, reading, value(decoded, 256), value(evaluated, Integer.MAX_VALUE), 16_384,
        4, shares, shares);
  }

  /** What fits in a demonstration. */
  Comparer.Options brief(Path work, ReadingOptions reading) {
    List<Double> shares = List.of(0.125, 0.25, 0.5, 0.75);
    return options(
        work, reading, value(decoded, 64), value(evaluated, 8_192), 4_096, 2, shares,
        List.of(RAM_SHARE));
  }

  private static int value(Integer given, int usual) {
    return given == null ? usual : given;
  }

  private Comparer.Options options(
      Path work, ReadingOptions reading, int tokens, int evalTokens, int matchedTokens,
      int rounds, List<Double> shares,
      List<Double> ownWidthShares) {
    if (tokens < FEWEST_TOKENS) {
      throw new BadInputException("--tokens " + tokens, "is too small",
          "decode at least " + FEWEST_TOKENS);
    }
    if (evalTokens < WINDOW_TOKENS) {
      throw new BadInputException("--eval-tokens " + evalTokens, "is less than one window",
          "evaluate at least " + WINDOW_TOKENS);
    }
    Path file = text == null ? Embedded.model("held-out.txt") : text;
    return new Comparer.Options(
        work,
        TextFile.read(file),
        file.getFileName().toString(),
        reading.backend(),
        WINDOW_TOKENS,
        evalTokens,
        Math.min(evalTokens, matchedTokens),
        tokens,
        rounds,
        WARM_TOKENS,
        Math.max(8, tokens / 8),
        RAM_SHARE,
        shares,
        ownWidthShares,
        PINNED_SHARE);
  }
}
