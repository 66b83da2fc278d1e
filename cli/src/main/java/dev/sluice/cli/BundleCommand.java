package dev.sluice.cli;

import dev.sluice.bundler.order.Order;
import dev.sluice.bundler.pack.Bundler;
import dev.sluice.bundler.pack.StridePlan;
import dev.sluice.bundler.predictor.PredictorRecipe;
import dev.sluice.bundler.predictor.QuantisedFit;
import dev.sluice.bundler.quant.Requantisation;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.plan.DeviceModels;
import dev.sluice.storage.predictor.PackedRows;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.trace.TraceReader;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "bundle",
    description = {
      "Repacks a store by a trace of it: neurons that fire together come to lie together.",
      "The new store also holds thresholds, the frequency of every neuron, and predictors fitted to the trace."
    },
    footer = {"", "Example:",
      "  sluice bundle -m relu2.sluice --trace relu2.trace -o relu2-bundled.sluice"})
final class BundleCommand implements Callable<Integer> {
  @Spec
  private CommandSpec spec;

  @Mixin
  private StoreOption store;

  @Mixin
  private StoreOptions output;

  @Option(names = "--trace", required = true, paramLabel = "FILE",
      description = "A trace of the store given with -m.")
  private Path traceFile;

  @Option(
      names = "--order",
      paramLabel = "NAME",
      defaultValue = "ripple",
      description = "ripple (greedy path over co-activation), frequency, random or identity. Default: ${DEFAULT-VALUE}.")
  private String order;

  @Option(
      names = "--cett",
      paramLabel = "TARGET",
      description = "Thresholds by which a traced neuron counts as active. Default: the trace's 1 %% target, or 0.1 if none was searched.")
  private Double cett;

  @Option(
      names = "--fit-resident",
      paramLabel = "SHARE",
      defaultValue = "0%",
      description = "Fit the order to what is read when this share of each layer's neurons, the most frequent, stays in RAM: "
          + "they come first, the others in an order of their own. Default: ${DEFAULT-VALUE}.")
  private String fitResident;

  @Option(
      names = "--fit-window",
      paramLabel = "K",
      defaultValue = "0",
      description = "Fit the order to firings that a window of K tokens would miss; 0 fits it to all. Default: ${DEFAULT-VALUE}.")
  private int fitWindowTokens;

  @Option(
      names = "--predictor-bits",
      paramLabel = "BITS",
      split = ",",
      defaultValue = "2,4",
      description = "Quantised copies to make: any of 1, 2, 3, 4, 8, or 0 for none. Default: ${DEFAULT-VALUE}.")
  private List<Integer> predictorBits;

  @Option(
      names = "--predictors",
      paramLabel = "NAME",
      split = ",",
      description = "Further predictors to fit: quantised-BITS, low-rank-RANK (two thin int8 matrices, without training), "
          + "trained-RANK (the same shape, trained), trained-relu-RANK, cascade-RANK-BITS (a low-bit copy looks again "
          + "at what a low rank names), certified-BITS (4, 5, 6 or 8; for --exact, ReLU and ReLU² only); early- before the three middle ones: they look at the block's input, so that what "
          + "they name is read while attention is computed; ahead- before them: from the third layer on they look at the input of the "
          + "FFN before, so that reads go on through that FFN and attention; moefication (balanced experts and a router). Ranks are means over layers.")
  private List<String> predictors = List.of();

  @Option(
      names = "--recall",
      paramLabel = "SHARE",
      description = "Share of active output magnitude that predictors must keep on the trace. Default: 0.997.")
  private double recall = QuantisedFit.DEFAULT_RECALL;

  @Option(
      names = "--quant",
      paramLabel = "PART=TYPE",
      split = ",",
      description = "Encode parts of the model in fewer bits: gate, up, down, attention or head = q8_0, q4_0 or q4_1, such as down=q4_0. "
          + "Columns of down share a scale among 32 neurons, or as many as down=q4_0:128 says; their scales stay in RAM. Attention "
          + "and head are in RAM, so fewer bits leave more of it for bundles. The error of each layer is kept in the store. "
          + "Default: every part as it is.")
  private List<String> quant = List.of();

  @Option(
      names = "--resident-gate",
      description = "Gated models: keep gate rows in RAM, in bundles only up and down, and read them where the gate passes.")
  private boolean residentGate;

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "N",
      defaultValue = "1",
      description = "Seed of the random order and of certified copies' dither. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Override
  public Integer call() {
    List<Integer> bits = predictorBits.stream().filter(b -> b != 0).distinct().toList();
    if (!PackedRows.BITS.containsAll(bits)) {
      throw new BadInputException(
          "--predictor-bits " + joined(predictorBits), "is not possible",
          "give any of 1, 2, 3, 4, 8, or 0");
    }
    List<PredictorRecipe> recipes =
        Stream.concat(bits.stream().map(PredictorRecipe::quantised),
            predictors.stream().map(PredictorRecipe::parse)).distinct().toList();
    if (!(recall > 0 && recall <= 1)) {
      throw new BadInputException("--recall " + recall, "is out of range",
          "give a share above 0, up to 1");
    }
    if (fitWindowTokens < 0) {
      throw new BadInputException("--fit-window " + fitWindowTokens, "is negative",
          "give how many tokens the window holds, or 0");
    }
    if (cett != null && !(cett >= 0 && cett < 1)) {
      throw new BadInputException("--cett " + cett, "a CETT target lies between 0 and 1",
          "give one such as 0.1");
    }
    Requantisation parts = Requantisation.parse(quant);
    Requantisation requantisation = residentGate ? parts.withResidentGate() : parts;
    Order chosen = Order.named(order, seed);
    try (Store opened = store.open();
        TraceReader trace = TraceReader.open(traceFile)) {
      double searched = Bundler.onePercentTarget(trace);
      double target = cett != null ? cett : searched > 0 ? searched : 0.1;
      Bundler.Request asked =
          new Bundler.Request(
              output.target(), output.options(), chosen, target,
              new Bundler.FittedTo(fitWindowTokens,
                  MemoryOptions.share("--fit-resident", fitResident)),
              recipes, recall,
              seed, requantisation);
      Bundler.Request request = padded(opened, trace, asked);
      try (ProgressBar bar = new ProgressBar()) {
        Bundler.bundle(opened, trace, traceFile, request,
            (done, total) -> bar.report("bundling", done, total));
      }
      spec.commandLine()
          .getOut()
          .printf(
              Locale.ROOT,
              "%s: %s order, active at CETT %.4g, %s%n",
              output.target(),
              chosen.name(),
              target,
              recipes.isEmpty() ? "no predictor" : "predictors " + joined(recipes));
    }
    try (Store made = Store.open(output.target())) {
      QuantisationText.of(made).forEach(spec.commandLine().getOut()::println);
    }
    return 0;
  }

  /** As the device's model says, where the user leaves it to us and the device was probed. */
  private Bundler.Request padded(Store opened, TraceReader trace, Bundler.Request asked) {
    StoreWriter.Options options = asked.options();
    Optional<DeviceModels.Entry> device = DeviceModels.ofUser(System.getenv())
        .of(asked.target().toAbsolutePath().getParent());
    if (options.strideBytes() != 0 || options.arrangement() != Arrangement.BUNDLED
        || device.isEmpty()) {
      return asked;
    }
    StridePlan plan =
        Bundler.stridePlan(opened, trace, traceFile, asked, device.get().model());
    StridePlan.Choice plain = plan.choices().getFirst();
    StridePlan.Choice best = plan.best();
    spec.commandLine().getErr().printf(Locale.ROOT,
        "sluice: bundles of %,d bytes lie %,d apart: %.3f ms a layer and token by the model of %s, %.3f without padding%n",
        plain.strideBytes(), best.strideBytes(), best.millis(), device.get().device(),
        plain.millis());
    return asked.with(options.withStride(best.strideBytes()));
  }

  private static String joined(List<?> items) {
    return items.stream().map(String::valueOf).collect(Collectors.joining(","));
  }
}
