package dev.sluice.cli;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.WeightSpeed;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.JvmShare;
import dev.sluice.engine.session.MemoryNeeds;
import dev.sluice.engine.session.MemoryPlan;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.ReadForecast;
import dev.sluice.engine.session.RunShape;
import dev.sluice.engine.session.TokenForecast;
import dev.sluice.engine.session.TokenForecast.Speeds;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.plan.DeviceModel;
import dev.sluice.storage.plan.DeviceModels;
import dev.sluice.storage.plan.DeviceProbe;
import dev.sluice.storage.posix.MemoryLimit;
import dev.sluice.storage.store.Store;
import java.io.PrintWriter;
import java.util.ArrayList;
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
    name = "plan",
    description = {
      "Shows how a RAM ceiling is split, what is left for FFN bundles with each predictor that the store has, and what a "
          + "token is expected to read.",
      "The device is taken as `sluice probe` measured it, or else measured for about a second on the store's own file, the "
          + "processor as long; figures hold for an idle machine."
    },
    footer = {"", "Example:", "  sluice plan -m relu2-bundled.sluice --ram 2G -c 512"})
final class PlanCommand implements Callable<Integer> {
  private static final int DEFAULT_CONTEXT = 512;

  @Spec
  private CommandSpec spec;

  @Mixin
  private StoreOption store;

  @Mixin
  private ReadingOptions reading;

  @Mixin
  private CacheOptions cache;

  @Mixin
  private KeyValueOptions keyValues;

  @Option(names = "--ram", paramLabel = "SIZE|auto", defaultValue = "auto",
      description = "The ceiling, such as 2G; auto: all that the cgroup allows, or 7/8 of what the system has left. "
          + "Default: ${DEFAULT-VALUE}.")
  private String ram;

  @Option(names = {"-c", "--ctx-size"}, paramLabel = "N",
      description = "Positions of context. Default: the model's own, at most " + DEFAULT_CONTEXT
          + ".")
  private Integer context;

  @Option(names = "--prompt-tokens", paramLabel = "N",
      description = "Longest prompt. Default: the whole context.")
  private Integer promptTokens;

  @Option(names = "--predictor", paramLabel = "NAME",
      description = "The predictor whose split is shown. Default: as in `sluice run`.")
  private String predictor;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    try (Store opened = store.open();
        Workers workers = reading.workers()) {
      MemoryLimit limit = MemoryLimit.now();
      long bytes = RamCeiling.bytes(ram, limit);
      RunShape shape = shape(opened, workers.threads());
      PredictorChoice chosen = predictor != null ? PredictorChoice.parse(predictor)
          : SparsityOptions.quickest(opened, shape, bytes);
      MemoryPlan plan = MemoryPlan.ofProcess(opened, chosen, shape, bytes);
      List<TokenForecast> lines = new ArrayList<>();
      lines.add(forecast(opened, chosen, shape, bytes));
      for (PredictorChoice other : PredictorChoice.of(opened)) {
        if (!other.equals(chosen)) {
          lines.add(forecast(opened, other, shape, bytes));
        }
      }
      Rates rates = rates(opened, workers);
      if (json) {
        spec.commandLine().getOut().println(
            Json.write(object(opened, plan, shape, lines, rates, limit)));
      } else {
        print(opened, plan, shape, lines, rates, limit);
      }
    }
    return 0;
  }

  /** Speeds of this machine. */
  private record Rates(Speeds speeds, String reader) {}

  /** A device that was probed is not measured again. */
  private Rates rates(Store opened, Workers workers) {
    return DeviceModels.ofUser(System.getenv()).of(opened.ffn().file())
        .map(entry -> new Rates(new Speeds(entry.model(), weightSpeed(opened, workers)),
            "sluice probe of " + entry.measuredAt() + ", " + entry.reader()))
        .orElseGet(() -> measured(opened, workers));
  }

  private static double weightSpeed(Store opened, Workers workers) {
    return WeightSpeed.bytesPerSecond(opened.spec().bundle().up(), opened.spec().hidden(),
        Kernels.best(), workers);
  }

  private Rates measured(Store opened, Workers workers) {
    try (BlockReader reader = BlockReaders.open(opened.ffn().file(), reading.backend())) {
      DeviceModel device = DeviceProbe.measure(reader, opened.ffnFileBytes());
      return new Rates(new Speeds(device, weightSpeed(opened, workers)), reader.describe());
    }
  }

  private RunShape shape(Store opened, int threads) {
    int most = opened.spec().contextLength();
    int positions = context == null ? Math.min(most, DEFAULT_CONTEXT) : context;
    if (positions < 1 || positions > most) {
      throw new BadInputException("--ctx-size " + positions, "is not possible with this model",
          "give 1 to " + most);
    }
    int tokens = promptTokens == null ? positions : promptTokens;
    if (tokens < 1 || tokens > positions) {
      throw new BadInputException("--prompt-tokens " + tokens,
          "do not fit in a context of " + positions, "give 1 to " + positions);
    }
    return new RunShape(positions, tokens, threads, cache.policy(), keyValues.precision(), 0);
  }

  private static TokenForecast forecast(Store opened, PredictorChoice choice, RunShape shape,
      long bytes) {
    return TokenForecast.of(opened, choice, shape, bytes,
        Merging.of(opened.ffn().file(), Merging.AUTO).limits());
  }

  private void print(Store opened, MemoryPlan plan, RunShape shape, List<TokenForecast> lines,
      Rates rates,
      MemoryLimit limit) {
    PrintWriter out = spec.commandLine().getOut();
    MemoryNeeds needs = plan.needs();
    JvmShare jvm = needs.jvm();
    out.printf(Locale.ROOT,
        "%s, predictor %s, context %d, prompts of up to %d tokens, %d threads%n",
        opened.folder().getFileName(), lines.getFirst().predictor(), shape.context(),
        shape.promptTokens(), shape.threads());
    split(out, "dense weights", needs.denseBytes());
    split(out, "scales of down", needs.scaleBytes());
    split(out, "keys and values", needs.keyValueBytes());
    split(out, "predictor", needs.predictorBytes());
    split(out, "staging and spill", needs.stagingBytes() + plan.spillBytes());
    split(out, "prompt buffers", needs.promptBytes());
    split(out, "orders, checksums, cache, tokenizer", needs.indexBytes());
    split(out, "JVM: other heap", jvm.spareHeapBytes());
    split(out, "JVM: code cache", jvm.codeCacheBytes());
    split(out, "JVM: classes", jvm.metaspaceBytes());
    split(out, "JVM: direct buffers", jvm.directBytes());
    split(out, "JVM: libraries, stacks, compiler", jvm.nativeBytes());
    split(out, "slots", plan.slotsBytes());
    split(out, "--ram", plan.budgetBytes());
    out.printf(Locale.ROOT,
        "(a prompt also takes two layers, %.1f MiB, and gives them back before slots are filled)%n",
        needs.layerBufferBytes() / 1048576.0);
    out.printf(Locale.ROOT, "floor %d MiB; Java heap at most %d MiB; %s%n",
        MemoryPlan.floorBytes(opened, needs) >> 20, jvm.heapBytes() >> 20, allowed(limit));
    out.printf(Locale.ROOT, "%d slots of %d bytes hold %.1f %% of the FFN%n%n", plan.slots(),
        plan.slotBytes(), 100.0 * plan.slots() / plan.allBundles());
    out.printf(Locale.ROOT, "device: %.1f us a request and %.0f MB/s (%s); weights: %.1f GB/s%n",
        rates.speeds().device().requestMicros(), rates.speeds().device().bytesPerSecond() / 1e6,
        rates.reader(),
        rates.speeds().weightBytesPerSecond() / 1e9);
    out.println(
        "expected for each token, if all slots hold the most frequent bundles and neurons fire independently:");
    out.printf("%-22s %8s %6s %6s %6s %8s %8s %8s %8s %8s%n", "predictor", "RAM, MiB", "FFN, %",
        "active", "named", "MB", "requests", "I/O ms", "work ms", "token ms");
    for (TokenForecast line : lines) {
      out.printf(Locale.ROOT, "%-22s %8.1f ", line.predictor(),
          line.needs().predictorBytes() / 1048576.0);
      if (line.plan().isEmpty()) {
        out.printf("  needs --ram %dM%n", MemoryPlan.floorBytes(opened, line.needs()) >> 20);
        continue;
      }
      ReadForecast reads = line.reads().orElseThrow();
      int all = plan.allBundles();
      out.printf(Locale.ROOT, "%6.1f %6.1f %6.1f %8.2f %8.1f %8.1f %8.1f %8.1f%n",
          100.0 * line.plan().get().slots() / all, 100 * reads.activeBundles() / all,
          100 * reads.namedBundles() / all, reads.reads().bytes() / 1e6, reads.reads().requests(),
          line.ioMillis(rates.speeds()), line.workMillis(rates.speeds()),
          line.millis(rates.speeds()));
    }
    List<ReadForecast.Source> sources =
        lines.stream().flatMap(line -> line.reads().stream()).map(ReadForecast::source).toList();
    // Of the table's two sources, what `all` reads needs no telling.
    out.printf("active and named: %% of the FFN's neurons (%s)%n",
        sources.contains(ReadForecast.Source.TRACE) ? ReadForecast.Source.TRACE
            : sources.getFirst());
    out.println(
        "token: work, and of I/O what does not pass behind resident bundles, or behind attention");
    out.println("where asked early or ahead");
  }

  private static void split(PrintWriter out, String what, long bytes) {
    if (bytes > 0) {
      out.printf(Locale.ROOT, "%-36s %9.1f MiB%n", what, bytes / 1048576.0);
    }
  }

  private static String allowed(MemoryLimit limit) {
    String group = limit.group()
        .map(g -> "cgroup " + g.folder() + " allows " + (g.limitBytes() >> 20) + " MiB")
        .orElse("no cgroup limits memory");
    return limit.availableBytes().isPresent()
        ? group + ", the system has " + (limit.availableBytes().getAsLong() >> 20) + " MiB left"
        : group;
  }

  private Map<String, Object> object(Store opened, MemoryPlan plan, RunShape shape,
      List<TokenForecast> lines, Rates rates, MemoryLimit limit) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("model", opened.folder().toString());
    object.put("context", shape.context());
    object.put("key_values", keyValues.form());
    object.put("prompt_tokens", shape.promptTokens());
    object.put("threads", shape.threads());
    object.put("memory", LedgerText.memory(plan));
    object.put("floor_bytes", MemoryPlan.floorBytes(opened, plan.needs()));
    limit.group().ifPresent(group -> object.put("cgroup_limit_bytes", group.limitBytes()));
    limit.availableBytes().ifPresent(bytes -> object.put("available_bytes", bytes));
    object.put("jvm_flags", plan.needs().jvm().flags());
    Map<String, Object> device = new LinkedHashMap<>();
    device.put("request_us", rates.speeds().device().requestMicros());
    device.put("bytes_per_s", rates.speeds().device().bytesPerSecond());
    device.put("io", rates.reader());
    object.put("device", device);
    object.put("weight_bytes_per_s", rates.speeds().weightBytesPerSecond());
    List<Map<String, Object>> predictors = new ArrayList<>();
    for (TokenForecast line : lines) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("predictor", line.predictor().toString());
      one.put("predictor_bytes", line.needs().predictorBytes());
      one.put("floor_bytes", MemoryPlan.floorBytes(opened, line.needs()));
      line.plan().ifPresent(p -> one.put("slots", p.slots()));
      line.plan().ifPresent(p -> one.put("ffn_share", (double) p.slots() / p.allBundles()));
      line.reads().ifPresent(
          forecast -> {
            one.put("rates", forecast.source().toString());
            one.put("active_neurons_per_token", forecast.activeBundles());
            one.put("named_neurons_per_token", forecast.namedBundles());
            one.put("expected_misses_per_token", forecast.reads().misses());
            one.put("expected_bytes_read_per_token", forecast.reads().bytes());
            one.put("expected_requests_per_token", forecast.reads().requests());
            one.put("expected_io_ms_per_token", line.ioMillis(rates.speeds()));
            one.put("expected_weight_ms_per_token", line.workMillis(rates.speeds()));
            one.put("expected_ms_per_token", line.millis(rates.speeds()));
          });
      predictors.add(one);
    }
    object.put("predictors", predictors);
    return object;
  }
}
