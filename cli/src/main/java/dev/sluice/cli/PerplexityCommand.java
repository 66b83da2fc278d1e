package dev.sluice.cli;

import dev.sluice.engine.eval.LayerShares;
import dev.sluice.engine.eval.Perplexity;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Store;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "perplexity",
    description = {
      "Measures perplexity over a text, and which share of neurons was active.",
      "The text is cut into windows of --ctx-size tokens, each with an empty context; an incomplete last one is dropped; "
          + "positions 2 and on count. Runs dense unless --cett, --rule or --predictor is given."
    },
    footer = {"", "Example:",
      "  sluice perplexity -m relu2-bundled.sluice --text held-out.txt --cett 0.1 --json"})
final class PerplexityCommand implements Callable<Integer> {
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
      description = "The text, UTF-8. Default: the held-out text that comes with Sluice.")
  private Path text;

  @Option(names = "--tokens", paramLabel = "N",
      description = "Only the first N tokens of the text.")
  private Integer tokens;

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "N",
      defaultValue = "256",
      description = "Tokens per window. Default: ${DEFAULT-VALUE}.")
  private int windowTokens;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    Path file = text == null ? Embedded.model("held-out.txt") : text;
    try (Store opened = store.open();
        Workers workers = reading.workers()) {
      if (windowTokens < 2 || windowTokens > opened.spec().contextLength()) {
        throw new BadInputException(
            "--ctx-size " + windowTokens, "is not possible with this model",
            "give 2 to " + opened.spec().contextLength());
      }
      int[] ids = TextSource.tokens(opened, file, tokens == null ? Integer.MAX_VALUE : tokens,
          windowTokens);
      PredictorChoice predictor = sparsity.predictorOr(opened, ids.length, PredictorChoice.ALL);
      Activity activity = sparsity.activityFor(opened, predictor);
      try (Engine engine = new Engine(opened, workers, reading.backend(), activity, predictor);
          LayerStream layers = engine.openLayers()) {
        Perplexity.Result result;
        try (ProgressBar bar = new ProgressBar()) {
          result =
              engine
                  .perplexity(layers, windowTokens)
                  .measure(
                      ids,
                      windowTokens,
                      activity,
                      engine.blockPredictor(),
                      (done, total) -> bar.report("perplexity", done, total));
        }
        print(file, engine, result, layers.bytesRead());
      }
    }
    return 0;
  }

  private void print(Path file, Engine engine, Perplexity.Result result, long bytesRead) {
    List<LayerShares> layers = result.layers();
    // What these name is what the rule leaves; blocks of positions do not ask them.
    boolean oracle =
        engine.predictor().kind() == PredictorChoice.Kind.ORACLE
            || engine.predictor().kind() == PredictorChoice.Kind.GATE;
    if (json) {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("perplexity", result.perplexity());
      object.put("nats_per_token", result.nats());
      object.put("accuracy", result.accuracy());
      object.put("text", file.toString());
      object.put("windows", result.windows());
      object.put("window_tokens", windowTokens);
      object.put("predicted_tokens", result.positions());
      object.put("rule", engine.activity().rule().key());
      object.put("cett_target", engine.activity().cett());
      object.put("predictor", engine.predictor().toString());
      object.put("predictor_bytes", engine.predictorBytes());
      object.put("active_share", LayerShares.meanActive(layers));
      object.put("active_share_by_layer", layers.stream().map(LayerShares::active).toList());
      object.put(
          "predicted_share_by_layer",
          layers.stream().map(l -> oracle ? l.active() : l.predicted()).toList());
      object.put("recall_of_magnitude", LayerShares.magnitudeRecall(layers));
      object.put("recall_of_magnitude_by_layer",
          layers.stream().map(LayerShares::magnitudeRecall).toList());
      object.put("recall_of_count_by_layer",
          layers.stream().map(LayerShares::countRecall).toList());
      object.put("thresholds_by_layer", engine.activity().thresholds());
      object.put("ffn_bytes_read", bytesRead);
      spec.commandLine().getOut().println(Json.write(object));
      return;
    }
    spec.commandLine()
        .getOut()
        .printf(
            Locale.ROOT,
            "perplexity %.4f over %d tokens of %s (%s rule, CETT %.4f, predictor %s): %.2f %% of neurons active, "
                + "%.2f %% predicted, recall %.2f %% of active magnitude%n",
            result.perplexity(),
            result.positions(),
            file,
            engine.activity().rule().key(),
            engine.activity().cett(),
            engine.predictor(),
            100 * LayerShares.meanActive(layers),
            100 * (oracle ? LayerShares.meanActive(layers) : LayerShares.meanPredicted(layers)),
            100 * LayerShares.magnitudeRecall(layers));
  }
}
