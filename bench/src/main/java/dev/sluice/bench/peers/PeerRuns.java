package dev.sluice.bench.peers;

import dev.sluice.bench.compare.Progress;
import dev.sluice.bench.peers.LlamaRival.Loading;
import dev.sluice.bench.peers.PeerComparison.Figures;
import dev.sluice.bench.peers.PeerComparison.Point;
import dev.sluice.bench.peers.PeerComparison.Result;
import dev.sluice.bench.peers.PeerComparison.Setting;
import dev.sluice.bench.peers.Rival.Job;
import dev.sluice.bench.peers.Rival.Limit;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.plan.DeviceModel;
import dev.sluice.storage.plan.DeviceProbe;
import dev.sluice.storage.store.Store;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** Runs all rivals of a plan, in turns, and sums up. Not thread-safe: one thing at a time is measured. */
public final class PeerRuns {
  private static final String LLAMA = "llama.cpp";
  private static final String QUANT = "llama.cpp, k-quant";
  private static final String PINNED = "Sluice, pinned and streamed";
  private static final String SLUICE = "Sluice";

  // Beside weights, keys and values: node, llama.cpp's buffers, a part of the vocabulary's logits.
  private static final long LLAMA_OWN_BYTES = 256L << 20;
  // Without a limit Sluice may use the whole model and this much.
  private static final long SLUICE_OWN_BYTES = 2L << 30;
  private static final double UNKNOWN = Double.NaN;
  private static final DeviceModel NO_DEVICE = new DeviceModel(0, Double.POSITIVE_INFINITY);

  private final PeerPlan plan;
  private final Progress progress;
  private final MemoryController controller;
  private final String processors;
  private final Map<Path, Double> perplexityChanges = new LinkedHashMap<>();
  private Path scratch;
  private GgufFacts facts;
  private PageCache.Dropped dropped = PageCache.Dropped.EVERYTHING;
  private String peer = "";
  private long groups;

  public PeerRuns(PeerPlan plan, Progress progress) {
    this.plan = plan;
    this.progress = progress;
    this.controller = MemoryController.find();
    this.processors = Processors.first(plan.threads());
  }

  /**
   * Takes minutes to hours. A rival that fails has a note instead of figures; the others go on.
   *
   * @throws FaultException if nothing can be measured here
   */
  public PeerComparison run() {
    try {
      scratch = Files.createTempDirectory("sluice-peers-");
    } catch (IOException e) {
      throw new FaultException("temporary folder",
          "cannot be written (" + FaultException.reason(e) + ")", "free some space in it", e);
    }
    try {
      facts = describe();
      List<Point> points = new ArrayList<>();
      long ggufBytes = bytes(plan.gguf());
      if (plan.has(Contender.REFERENCE)) {
        points.add(point("no limit", OptionalLong.empty(), references(), List.of()));
      }
      for (RamSize size : plan.sizes()) {
        List<Result> notRun = new ArrayList<>();
        List<Rival> rivals = rivals(size, notRun);
        points.add(point(size.label(), OptionalLong.of(size.bytes()), rivals, notRun));
      }
      return new PeerComparison(setting(ggufBytes), points);
    } finally {
      deleteScratch();
    }
  }

  private GgufFacts describe() {
    LlamaRival any = llama(LLAMA, LLAMA, "", plan.gguf(), Limit.NONE, Loading.COPIED);
    List<String> command = any.commandForMetadata(scratch.resolve("about.json"));
    try (MemoryGroup group = group(OptionalLong.empty())) {
      return GgufFacts.parse("llama.cpp",
          Child.run("llama.cpp", command, group, processors).output());
    }
  }

  private Setting setting(long ggufBytes) {
    return new Setting(
        "sluice bench peers", facts.name(),
        facts.isSynthetic() ? "synthetic weights" : "weights as the file has them",
        ggufBytes, peer, Processors.name(), processors, plan.threads(),
        plan.tokens().promptIds().size(), plan.tokens().continuationIds().size(), plan.runs(),
        plan.maxDecodeSeconds(), dropped.toString());
  }

  private List<Rival> references() {
    List<Rival> rivals = new ArrayList<>();
    rivals.add(
        llama("llama.cpp, all in RAM", LLAMA, "no limit; weights read into memory", plan.gguf(),
            Limit.NONE, Loading.COPIED));
    plan.store().ifPresent(
        store -> rivals
            .add(new SluiceRival("Sluice, all in RAM", SLUICE, "no limit; every bundle fits",
                plan.launcher(), store, Limit.NONE, plan.runOptions())));
    return rivals;
  }

  private List<Rival> rivals(RamSize size, List<Result> notRun) {
    List<Rival> rivals = new ArrayList<>();
    if (plan.has(Contender.LLAMA)) {
      rivals.add(
          llama("llama.cpp, mapped", LLAMA,
              "the same GGUF, mapped; pages come and go" + whichBuild(),
              plan.gguf(), Limit.GIVEN, Loading.MAPPED));
    }
    if (plan.has(Contender.QUANT)) {
      quant(size, rivals, notRun);
    }
    plan.store().ifPresent(store -> {
      if (plan.has(Contender.PINNED)) {
        rivals.add(new SluiceRival(PINNED, PINNED,
            "as much pinned as fits, the rest read for every token; exact", plan.launcher(), store,
            Limit.GIVEN,
            List.of("--predictor", "all", "--cett", "0", "--pin", "100%", "--window", "0")));
      }
      if (plan.has(Contender.SLUICE)) {
        rivals.add(new SluiceRival(SLUICE, SLUICE, "predicted neurons only", plan.launcher(), store,
            Limit.GIVEN, plan.runOptions()));
      }
    });
    return rivals;
  }

  private String whichBuild() {
    return plan.llama().forMapping(plan.work()).equals(plan.llama()) ? ""
        : "; not its AMX build, which would copy all weights into memory of its own";
  }

  private LlamaRival llama(
      String name, String family, String description, Path model, Limit limit, Loading loading) {
    LlamaPackage llama =
        loading == Loading.MAPPED ? plan.llama().forMapping(plan.work()) : plan.llama();
    return new LlamaRival(name, family, description, llama, model, limit, loading,
        plan.maxDecodeSeconds());
  }

  /** The largest k-quant that fits, made by llama.cpp if it is not there yet. */
  private void quant(RamSize size, List<Rival> rivals, List<Result> notRun) {
    int positions = plan.tokens().promptIds().size() + plan.tokens().continuationIds().size();
    long beside = LLAMA_OWN_BYTES + facts.keyValueBytesPerPosition() * positions;
    for (KQuant mixture : KQuant.fitting(facts.weights(), size.bytes() - beside)) {
      Path file = quantised(mixture);
      if (bytes(file) + beside <= size.bytes()) {
        rivals.add(llama("llama.cpp, " + mixture, QUANT,
            "the largest k-quant that fits, made from the same GGUF; weights of lower precision"
                + whichBuild(),
            file, Limit.GIVEN, Loading.MAPPED));
        return;
      }
    }
    KQuant least = KQuant.Q2_K;
    long leastBytes = least.bytes(facts.weights());
    notRun.add(new Result(QUANT, QUANT, "the largest k-quant that fits", leastBytes,
        String.format(Locale.ROOT,
            "none fits: %s takes some %.2f GB, and %.2f GB go to keys, values and the program",
            least, leastBytes / 1e9, beside / 1e9),
        null, null));
  }

  private Path quantised(KQuant mixture) {
    String name = plan.gguf().getFileName().toString().replaceFirst("\\.gguf$", "");
    Path file = plan.work().resolve(name + "-" + mixture + ".gguf");
    try {
      if (Files.exists(file) && Files.getLastModifiedTime(file)
          .compareTo(Files.getLastModifiedTime(plan.gguf())) > 0) {
        return file;
      }
    } catch (IOException e) {
      throw new FaultException(file, "cannot be read (" + FaultException.reason(e) + ")",
          "check its folder", e);
    }
    progress.report("quantising to " + mixture, 0, 1);
    new Quantiser(plan.llama().library()).quantise(plan.gguf(), file, mixture, plan.threads());
    progress.report("quantising to " + mixture, 1, 1);
    return file;
  }

  private Point point(
      String label, OptionalLong limitBytes, List<Rival> rivals, List<Result> notRun) {
    Map<Rival, List<PeerRun>> runs = new LinkedHashMap<>();
    Map<Rival, String> failures = new LinkedHashMap<>();
    List<Rival> turns = Turns.of(rivals, plan.runs());
    for (int turn = 0; turn < turns.size(); turn++) {
      Rival rival = turns.get(turn);
      progress.report("RAM " + label + ": " + rival.name(), turn, turns.size());
      if (!failures.containsKey(rival)) {
        try {
          runs.computeIfAbsent(rival, _ -> new ArrayList<>()).add(measure(rival, limitBytes));
        } catch (FaultException e) {
          failures.put(rival, e.getMessage());
        }
      }
    }
    progress.report("RAM " + label, turns.size(), turns.size());
    List<Result> results = new ArrayList<>();
    for (Rival rival : rivals) {
      List<PeerRun> ended = runs.getOrDefault(rival, List.of());
      Figures figures =
          ended.isEmpty() ? null : PeerFigures.of(ended, perplexityChange(rival));
      results
          .add(new Result(rival.name(), rival.family(), rival.description(), bytes(rival.model()),
              failures.getOrDefault(rival, ""), figures,
              ended.isEmpty() ? null : PeerFigures.median(ended).tokenTime()));
    }
    results.addAll(notRun);
    double share = limitBytes.orElse(0) / (double) bytes(plan.gguf());
    return new Point(label, limitBytes.orElse(0), share, results);
  }

  private PeerRun measure(Rival rival, OptionalLong limitBytes) {
    dropped = PageCache.drop(List.of(rival.model()));
    Job job = new Job(plan.tokens(),
        limitBytes.orElse(bytes(rival.model()) + SLUICE_OWN_BYTES), plan.threads(),
        scratch.resolve("setting.json"));
    List<DeviceModel> devices = new ArrayList<>();
    devices.add(deviceUnder(rival));
    OptionalLong limit = rival.limit() == Limit.GIVEN ? limitBytes : OptionalLong.empty();
    try (MemoryGroup group = group(limit)) {
      Child.Outcome outcome = Child.run(rival.name(), rival.command(job), group, processors);
      Transcript transcript = Transcript.parse(rival.name(), outcome.output());
      if (rival instanceof LlamaRival) {
        peer = transcript.engine();
      }
      devices.add(deviceUnder(rival));
      return PeerRun.of(outcome, transcript, group.tally(),
          TokenTime.parse(transcript.timeline(), devices));
    }
  }

  /** What reads from a store cost just now; by no run's own doing, and past the page cache. */
  private static DeviceModel deviceUnder(Rival rival) {
    if (!(rival instanceof SluiceRival)) {
      return NO_DEVICE;
    }
    try (Store opened = Store.open(rival.model());
        BlockReader reader = BlockReaders.open(opened.ffn().file(), Backend.AUTO)) {
      return DeviceProbe.measure(reader, opened.ffnFileBytes());
    }
  }

  /** Of a k-quant of learned weights, over the same tokens; made-up weights predict nothing that could get worse. */
  private double perplexityChange(Rival rival) {
    if (!(rival instanceof LlamaRival llama) || rival.model().equals(plan.gguf())
        || facts.isSynthetic()) {
      return UNKNOWN;
    }
    return perplexityChanges.computeIfAbsent(rival.model(),
        _ -> Math.exp(meanNats(llama)
            - meanNats(llama(LLAMA, LLAMA, "", plan.gguf(), Limit.NONE, Loading.MAPPED))) - 1);
  }

  private double meanNats(LlamaRival rival) {
    Job job = new Job(plan.tokens(), 0, plan.threads(), scratch.resolve("likelihoods.json"));
    try (MemoryGroup group = group(OptionalLong.empty())) {
      String output =
          Child.run(rival.name(), rival.commandForLikelihoods(job), group, processors).output();
      return Transcript.parse(rival.name(), output).nats().stream()
          .mapToDouble(Double::doubleValue).average().orElse(UNKNOWN);
    }
  }

  private MemoryGroup group(OptionalLong limitBytes) {
    return MemoryGroup.create(controller,
        "sluice-peers-" + ProcessHandle.current().pid() + "-" + groups++, limitBytes);
  }

  private static long bytes(Path path) {
    try (Stream<Path> files = Files.walk(path)) {
      long sum = 0;
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        sum += Files.size(file);
      }
      return sum;
    } catch (IOException e) {
      throw new FaultException(path, "cannot be read (" + FaultException.reason(e) + ")",
          "check the path", e);
    }
  }

  private void deleteScratch() {
    Path[] left = scratch.toFile().listFiles() == null ? new Path[0]
        : Arrays.stream(scratch.toFile().listFiles()).map(java.io.File::toPath)
            .toArray(Path[]::new);
    try {
      for (Path file : left) {
        Files.deleteIfExists(file);
      }
      Files.deleteIfExists(scratch);
    } catch (IOException e) {
      scratch.toFile().deleteOnExit();
    }
  }
}
