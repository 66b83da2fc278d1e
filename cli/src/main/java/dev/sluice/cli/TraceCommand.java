package dev.sluice.cli;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.trace.Tracer;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.trace.TraceHeader;
import dev.sluice.storage.trace.TraceReader;
import dev.sluice.storage.trace.TraceWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "trace",
    description = {
      "Runs a text and records which neurons fire, token by token.",
      "A dense run also measures the CETT curves of the output rule (and of the gate rule of gated models) and searches, on "
          + "another text, the target at which perplexity rises by 1 %%. With --predictor or --cett the run is sparse and "
          + "records what really happens then.",
      "A trace that was interrupted goes on where it stopped when the same command is given again."
    },
    footer = {"", "Example:",
      "  sluice trace -m relu2.sluice --text calibration.txt --search-text search.txt -o relu2.trace"})
final class TraceCommand implements Callable<Integer> {
  @Spec
  private CommandSpec spec;

  @Mixin
  private StoreOption store;

  @Mixin
  private SparsityOptions sparsity;

  @Mixin
  private ReadingOptions reading;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description = "The text, UTF-8. Default: the calibration text that comes with Sluice.")
  private Path text;

  @Option(
      names = "--ids",
      paramLabel = "FILE",
      description = "Token ids instead of --text: whole numbers with spaces, commas or line breaks between them.")
  private Path ids;

  @Option(
      names = "--no-curves",
      description = "Measure no CETT curves and search no target: for ReLU-family models under the exact rule, in about "
          + "half the time.")
  private boolean withoutCurves;

  @Option(
      names = "--search-text",
      paramLabel = "FILE",
      description = "The text of the 1 %% search; must differ from --text. Default: the one that comes with Sluice, if --text "
          + "is not given; otherwise no search.")
  private Path searchText;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      required = true,
      description = "The trace file.")
  private Path target;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      defaultValue = "8192",
      description = "Tokens of --text to trace; the search takes twice as many. Default: ${DEFAULT-VALUE}.")
  private int tokens;

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "N",
      defaultValue = "256",
      description = "Tokens per window, at most 256; each starts with an empty context. Default: ${DEFAULT-VALUE}.")
  private int windowTokens;

  @Option(
      names = "--magnitude",
      paramLabel = "RULE",
      defaultValue = "output",
      description = "Which magnitude is recorded: output (|h| times the column's norm) or gate (|act(gate)|). Default: ${DEFAULT-VALUE}.")
  private String magnitude;

  @Option(names = "--force", description = "Replace an existing trace.")
  private boolean force;

  @Override
  public Integer call() {
    if (windowTokens < 2 || windowTokens > 256 || tokens < windowTokens) {
      throw new BadInputException(
          "--tokens " + tokens + " --ctx-size " + windowTokens, "is not possible",
          "give a window of 2 to 256 tokens and at least one window");
    }
    if (ids != null && text != null) {
      throw new BadInputException("--ids " + ids, "there is a --text too", "give one of them");
    }
    boolean own = text != null || ids != null;
    Path calibration = text == null ? Embedded.model("calibration.txt") : text;
    Path search = searchText != null || own ? searchText : Embedded.model("search.txt");
    if (ids == null) {
      requireOtherText(calibration, search);
    }
    try (Store opened = store.open();
        Workers workers = reading.workers()) {
      Activity activity = sparsity.activityOrExact(opened);
      int[] traced =
          ids == null ? TextSource.tokens(opened, calibration, tokens, windowTokens)
              : TextSource.ids(opened, ids, tokens, windowTokens);
      int[] searchIds =
          search == null ? new int[0]
              : TextSource.tokens(opened, search, (int) Math.min(Integer.MAX_VALUE, 2L * tokens),
                  windowTokens);
      PredictorChoice predictor = sparsity.predictorOr(opened, traced.length + searchIds.length,
          PredictorChoice.ALL);
      try (Engine engine = new Engine(opened, workers, reading.backend(), activity, predictor);
          LayerStream layers = engine.openLayers();
          ProgressBar bar = new ProgressBar()) {
        Tracer.Request request =
            new Tracer.Request(
                target,
                force ? TraceWriter.Existing.REPLACE : TraceWriter.Existing.REFUSE,
                opened.digest(),
                traced,
                searchIds,
                windowTokens,
                magnitude(),
                activity,
                engine.blockPredictor(),
                withoutCurves ? Tracer.Curves.LEFT_OUT : Tracer.Curves.MEASURED);
        new Tracer(engine.model(), engine.sweep(layers, windowTokens), workers)
            .trace(request, (done, total) -> bar.report("tracing", done, total));
      }
    }
    try (TraceReader trace = TraceReader.open(target)) {
      TraceHeader header = trace.header();
      spec.commandLine()
          .getOut()
          .printf(
              Locale.ROOT,
              "%s: %d tokens, %d layers of %d neurons, %s, %.1f MB%n",
              target,
              header.tokens(),
              header.layers(),
              header.neurons(),
              header.activity(),
              Files.size(target) / 1e6);
    } catch (IOException e) {
      throw new FaultException(
          target, "cannot be looked at (" + FaultException.reason(e) + ")", "check the disk", e);
    }
    return 0;
  }

  /** Thresholds that are searched on the text they were measured on look better than they are. */
  private static void requireOtherText(Path calibration, Path search) {
    try {
      if (search != null && Files.exists(search) && Files.exists(calibration)
          && Files.isSameFile(calibration, search)) {
        throw new BadInputException("--search-text " + search, "it is the text that is traced",
            "give another one");
      }
    } catch (IOException e) {
      throw new FaultException(
          search, "cannot be looked at (" + FaultException.reason(e) + ")", "check the disk", e);
    }
  }

  private ActiveRule magnitude() {
    return switch (magnitude) {
      case "output" -> ActiveRule.OUTPUT;
      case "gate" -> ActiveRule.GATE;
      default -> throw new BadInputException("--magnitude " + magnitude,
          "there is no such magnitude", "use output or gate");
    };
  }
}
