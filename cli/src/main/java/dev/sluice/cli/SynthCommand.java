package dev.sluice.cli;

import dev.sluice.bench.synth.ActivityStatistics;
import dev.sluice.bench.synth.Measurement;
import dev.sluice.bench.synth.ModelShape;
import dev.sluice.bench.synth.PlantingFit;
import dev.sluice.bench.synth.Profile;
import dev.sluice.bench.synth.Synthesis;
import dev.sluice.bench.synth.TracedActivity;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Existing;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "synth",
    description = {
      "Writes a synthetic model of a given shape as GGUF, for throughput where no released weights can be had.",
      "Its weights are random, but which FFN neurons fire has the published statistics of a profile. Beside it go token lists, "
          + "NAME.tokens.json, which are to be fed as they are. The same options give the same bytes."
    },
    footer = {
      "",
      "Examples:",
      "  sluice synth -o afm.gguf",
      "  sluice synth -o afm.gguf --measure 4",
      "  sluice synth -o swiglu.gguf --swiglu",
      "  sluice synth --fit --profile twin --trace relu2.trace",
      "  sluice synth -o small.gguf --hidden 256 --ffn 1024 --layers 4 --heads 2 --kv-heads 1 --vocab 4096"
    })
final class SynthCommand implements Callable<Integer> {
  @Spec
  private CommandSpec spec;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description = "The GGUF file to write. It appears only when it is complete.")
  private Path target;

  @Option(names = "--profile", paramLabel = "NAME", defaultValue = "opt-6.7b",
      description = "Whose statistics: twin (the ReLU² twin at CETT-PPL-1 %%) or opt-6.7b. Default: ${DEFAULT-VALUE}.")
  private String profile;

  @Option(names = {"-s", "--seed"}, paramLabel = "N", defaultValue = "1",
      description = "Of weights and token lists. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(names = "--swiglu",
      description = "Write the SwiGLU model of as many parameters: llama, with two thirds of the neurons. Half of its "
          + "gates are open, as CATS has it; what else a profile says it shares.")
  private boolean swiglu;

  @Option(names = "--hidden", paramLabel = "N", defaultValue = "2560",
      description = "Elements of the residual stream. Default: ${DEFAULT-VALUE}; all defaults are AFM-4.5B's shape.")
  private int hidden;

  @Option(names = "--ffn", paramLabel = "N", defaultValue = "18432",
      description = "Neurons of a layer; with --swiglu two thirds of it. Default: ${DEFAULT-VALUE}.")
  private int feedForward;

  @Option(names = "--layers", paramLabel = "N", defaultValue = "36",
      description = "Layers. Default: ${DEFAULT-VALUE}.")
  private int layers;

  @Option(names = "--heads", paramLabel = "N", defaultValue = "20",
      description = "Attention heads. Default: ${DEFAULT-VALUE}.")
  private int heads;

  @Option(names = "--kv-heads", paramLabel = "N", defaultValue = "4",
      description = "Heads of keys and values. Default: ${DEFAULT-VALUE}.")
  private int keyValueHeads;

  @Option(names = "--head-dim", paramLabel = "N", defaultValue = "128",
      description = "Elements of a head. Default: ${DEFAULT-VALUE}.")
  private int headElements;

  @Option(names = "--vocab", paramLabel = "N", defaultValue = "128000",
      description = "Tokens of the vocabulary. Default: ${DEFAULT-VALUE}.")
  private int vocabulary;

  @Option(names = "--context", paramLabel = "N", defaultValue = "4096",
      description = "Tokens of context that the file states. Default: ${DEFAULT-VALUE}.")
  private int context;

  @Option(names = "--measure", paramLabel = "LAYERS", defaultValue = "0",
      description = "Run the first LAYERS layers of the file over the token lists and print what they do beside what was "
          + "aimed at. A file that exists is measured as it is. Default: ${DEFAULT-VALUE}.")
  private int measuredLayers;

  @Option(names = "--fit",
      description = "Write nothing: find the constants of the profile anew on a simulated layer, by bisection, and print "
          + "them.")
  private boolean fit;

  @Option(names = "--trace", paramLabel = "FILE",
      description = "With --fit: aim at what this trace has at CETT-PPL-1 %% instead of the profile's figures.")
  private Path trace;

  @Option(names = {"-t", "--threads"}, paramLabel = "N", defaultValue = "0",
      description = "Threads; 0 takes one per processor. Default: ${DEFAULT-VALUE}.")
  private int threads;

  @Option(names = "--force", description = "Replace existing files, each at once and whole.")
  private boolean force;

  @Option(names = "--json", description = "Print one JSON object instead of text.")
  private boolean json;

  @Override
  public Integer call() {
    if (fit) {
      return fitProfile();
    }
    if (target == null) {
      throw new BadInputException("--output", "is missing", "name the file to write with -o FILE");
    }
    Synthesis synthesis = new Synthesis(shape(), Profile.named(profile), seed);
    if (measuredLayers < 0 || measuredLayers > layers) {
      throw new BadInputException("--measure " + measuredLayers, "the model has " + layers
          + " layers", "give 0 to " + layers);
    }
    boolean there = measuredLayers > 0 && !force && Files.exists(target);
    Map<String, Object> result = new LinkedHashMap<>();
    try (Workers workers = new Workers(team())) {
      if (!there) {
        try (ProgressBar bar = new ProgressBar()) {
          synthesis.write(target, force ? Existing.REPLACE : Existing.REFUSE, workers, bar);
        }
      }
      if (measuredLayers == 0) {
        tell(synthesis, result);
      } else {
        Measurement measurement;
        try (ProgressBar bar = new ProgressBar()) {
          measurement = Measurement.of(synthesis, target, measuredLayers, workers, bar);
        }
        tell(synthesis, result);
        tell(measurement, result);
      }
    }
    if (json) {
      spec.commandLine().getOut().println(Json.write(result));
    }
    return 0;
  }

  private int team() {
    return threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
  }

  private Integer fitProfile() {
    Profile fitted = Profile.named(profile);
    ActivityStatistics aim =
        trace == null ? fitted.target() : TracedActivity.atOnePercent(trace, team());
    PlantingFit.Found found;
    try (ProgressBar bar = new ProgressBar()) {
      found = PlantingFit.ofProfiles(team()).fit(fitted, aim, bar);
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      Map<String, Object> result = new LinkedHashMap<>();
      result.put("profile", fitted.key());
      result.put("planting", found.planting());
      result.put("target", figures(found.target()));
      result.put("simulated", figures(found.achieved()));
      out.println(Json.write(result));
    } else {
      out.println(found.planting());
      table(out, found.target(), found.achieved());
    }
    return 0;
  }

  private ModelShape shape() {
    ModelShape shape =
        new ModelShape(ModelShape.Ffn.RELU2, hidden, feedForward, layers, heads, keyValueHeads,
            headElements, vocabulary, context);
    return swiglu ? shape.swigluSibling() : shape;
  }

  private void tell(Synthesis synthesis, Map<String, Object> result) {
    ModelShape shape = synthesis.shape();
    result.put("file", target.toString());
    result.put("tokens_file", Synthesis.tokensFile(target).toString());
    result.put("about", Synthesis.LABEL);
    result.put("profile", synthesis.profile().key());
    result.put("seed", seed);
    result.put("architecture", shape.ffn().architecture());
    result.put("layers", shape.layers());
    result.put("neurons", shape.feedForward());
    result.put("bytes", synthesis.fileBytes());
    if (!json) {
      spec.commandLine().getOut().printf(
          Locale.ROOT,
          "%s: %s, %d layers of %d neurons, %.1f MB, profile %s, seed %d (%s)%n",
          target, shape.ffn().architecture(), shape.layers(), shape.feedForward(),
          synthesis.fileBytes() / 1e6, synthesis.profile().key(), seed, Synthesis.LABEL);
    }
  }

  private void tell(Measurement measurement, Map<String, Object> result) {
    result.put("measured_layers", measurement.layers().size());
    result.put("measured_tokens", measurement.tokens());
    result.put("calibration_tokens", measurement.calibrationTokens());
    result.put("target", figures(measurement.target()));
    result.put("achieved", figures(measurement.achieved()));
    result.put("achieved_by_layer",
        measurement.layers().stream().map(SynthCommand::figures).toList());
    if (json) {
      return;
    }
    PrintWriter out = spec.commandLine().getOut();
    out.printf(
        Locale.ROOT,
        "the first %d of %d layers, %d tokens of the token lists; Ripple's order from %d others%n",
        measurement.layers().size(), layers, measurement.tokens(),
        measurement.calibrationTokens());
    table(out, measurement.target(), measurement.achieved());
  }

  private static void table(
      PrintWriter out, ActivityStatistics target, ActivityStatistics achieved) {
    out.printf(Locale.ROOT, "%-46s %8s %8s%n", "", "target", "achieved");
    row(out, "active neurons, %", 100 * target.activeShare(), 100 * achieved.activeShare());
    row(out, "new to a window of five tokens, % of all", 100 * target.newShare(),
        100 * achieved.newShare());
    row(out, "neurons that make 80 % of firings, %", 100 * target.hotShare(),
        100 * achieved.hotShare());
    row(out, "run in checkpoint order, neurons", target.runInCheckpointOrder(),
        achieved.runInCheckpointOrder());
    row(out, "run in Ripple's order, neurons", target.runInRippleOrder(),
        achieved.runInRippleOrder());
  }

  private static void row(PrintWriter out, String name, double target, double achieved) {
    out.printf(Locale.ROOT, "%-46s %8s %8.2f%n", name,
        Double.isNaN(target) ? "-" : String.format(Locale.ROOT, "%.2f", target), achieved);
  }

  private static Map<String, Object> figures(ActivityStatistics statistics) {
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("active_share", figure(statistics.activeShare()));
    figures.put("new_to_five_tokens_share", figure(statistics.newShare()));
    figures.put("share_that_makes_80_percent", figure(statistics.hotShare()));
    figures.put("checkpoint_run_neurons", figure(statistics.runInCheckpointOrder()));
    figures.put("ripple_run_neurons", figure(statistics.runInRippleOrder()));
    return figures;
  }

  /** What is not published is null. */
  private static Double figure(double value) {
    return Double.isNaN(value) ? null : value;
  }
}
