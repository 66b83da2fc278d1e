package dev.sluice.cli;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.ledger.Summary;
import dev.sluice.engine.model.ActivationPrecision;
import dev.sluice.engine.model.KvCache;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.sample.Sampler;
import dev.sluice.engine.sample.SamplingOptions;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.MemoryNeeds;
import dev.sluice.engine.session.MemoryPlan;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.Preset;
import dev.sluice.engine.session.RunShape;
import dev.sluice.engine.session.Session;
import dev.sluice.engine.text.Tokenizer;
import dev.sluice.engine.text.Utf8Stream;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.cache.CachePolicy;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Checking;
import dev.sluice.storage.store.Store;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "run",
    description = {
      "Continues a prompt, reading FFN weights from flash as they are needed.",
      "Text goes to standard output as it comes; the last lines, on standard error, say what was read for each token, and how."
    },
    footer = {"", "Example:",
      "  sluice run -m relu2-bundled.sluice -p \"The old house\" -n 64 --ffn-ram 50%%"})
final class RunCommand implements Callable<Integer> {
  @Spec
  private CommandSpec spec;

  @Mixin
  private StoreOption store;

  @Mixin
  private PromptOptions prompt;

  @Mixin
  private SparsityOptions sparsity;

  @Mixin
  private MemoryOptions memory;

  @Mixin
  private CacheOptions cache;

  @Mixin
  private PresetOption preset;

  @Mixin
  private ReadingOptions reading;

  @Option(
      names = {"-n", "--predict"},
      paramLabel = "N",
      defaultValue = "64",
      description = "Tokens to generate; fewer if the text ends or the context is full. Default: ${DEFAULT-VALUE}.")
  private int count;

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "N",
      description = "Positions of context. Default: what prompt and --predict need, up to the model's own.")
  private Integer context;

  @Option(names = {"-s", "--seed"}, paramLabel = "N", defaultValue = "1",
      description = "Seed of all draws. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(names = "--temp", paramLabel = "T", defaultValue = "0.8",
      description = "Temperature; 0 always takes the most likely token. Default: ${DEFAULT-VALUE}.")
  private double temperature;

  @Option(names = "--top-k", paramLabel = "K", defaultValue = "40",
      description = "Draw from the K most likely tokens; 0: from all. Default: ${DEFAULT-VALUE}.")
  private int topK;

  @Option(names = "--top-p", paramLabel = "P", defaultValue = "0.95",
      description = "Draw from the fewest tokens whose probabilities reach P. Default: ${DEFAULT-VALUE}.")
  private double topP;

  @Option(names = "--min-p", paramLabel = "P", defaultValue = "0.05",
      description = "Drop tokens less than P times as likely as the most likely one. Default: ${DEFAULT-VALUE}.")
  private double minP;

  @Mixin
  private KeyValueOptions keyValues;

  @Option(
      names = "--activations",
      paramLabel = "FORM",
      defaultValue = "int8",
      description = "How single tokens' activations meet Q8_0, Q4_0 and Q4_1 weights: float32 (weights count exactly) or int8 "
          + "(with a scale per 32, as in llama.cpp; faster). Other weights always meet float32. Default: ${DEFAULT-VALUE}.")
  private String activations;

  @Option(
      names = "--merge-gap",
      paramLabel = "SIZE|auto",
      defaultValue = Merging.AUTO,
      description = "Two wanted bundles this far apart or less are read by one request, the bytes between too. auto: as far as "
          + "the device's model says, or 16K where `sluice probe` never measured it. Default: ${DEFAULT-VALUE}.")
  private String gap;

  @Option(
      names = "--check",
      paramLabel = "on|off",
      defaultValue = "on",
      description = "Compare every page of bundles with its checksum. off is for experiments only: damage then becomes wrong "
          + "text. Default: ${DEFAULT-VALUE}.")
  private String check;

  @Option(
      names = "--force-ids",
      paramLabel = "IDS",
      description = "Feed these token ids one by one after the prompt instead of what is drawn, as many as --predict says, to "
          + "time a given text; --json then lists the most likely token after each as argmax_ids.")
  private String forced;

  @Mixin
  private final ImposeOptions impose = new ImposeOptions();

  @Option(
      names = "--logits-out",
      paramLabel = "FILE",
      description = "Write the prompt's logits: positions × vocabulary, little-endian float32.")
  private Path logitsOut;

  @Option(names = "--json",
      description = "Print one JSON object with token ids, text and ledger instead of the text.")
  private boolean json;

  @Override
  public Integer call() throws Exception {
    if (count < 0) {
      throw new BadInputException("--predict " + count, "is negative",
          "give how many tokens to generate");
    }
    SamplingOptions sampling = new SamplingOptions(temperature, topK, topP, minP, seed);
    try (impose;
        Store opened = store.open();
        Workers workers = reading.workers()) {
      StoreTokenizer tokenizer = new StoreTokenizer(opened);
      tokenizer.begin();
      int[] ids = prompt.ids(opened, tokenizer);
      boolean dense = preset.preset().filter(Preset::isDense).isPresent();
      Activity activity = dense && !sparsity.isPredictorGiven()
          ? sparsity.activityOrExact(opened) : sparsity.activity(opened);
      int positions = positions(opened, ids.length);
      RunShape shape = shape(opened, ids.length, workers.threads());
      PredictorChoice predictor = predictor(opened, shape);
      Optional<MemoryPlan> ceiling = memory.ceiling(opened, predictor, shape);
      ceiling.ifPresent(this::warnOfLooseHeap);
      try (Engine engine =
          new Engine(opened, workers, reading.readers(opened), activity, predictor, precision(),
              checking())) {
        // Before keys and values: the plan takes its parser's room for theirs.
        Optional<Tokenizer> read = tokenizer.ifAny();
        MemoryPlan plan = ceiling.orElseGet(() -> memory.share(engine, shape));
        ReadPlanner.Limits limits = limits(opened);
        int[] given = forcedIds(opened);
        ActivePredictor named = impose.predictor(engine, ids, given, seed);
        CachePolicy policy = named.namesAll() && preset.preset().isEmpty()
            ? cache.policyWhereAllAreRead() : shape.policy();
        Residency residency =
            memory.residency(plan, opened, named, policy, preset.preset());
        try (Session session =
            new Session(engine, new KvCache(opened.spec(), positions, shape.keyValues()),
                residency, limits, named)) {
          generate(session, engine, plan, policy, limits, read, ids, given, sampling);
        }
      }
    }
    return 0;
  }

  private RunShape shape(Store opened, int promptTokens, int threads) {
    int positions = positions(opened, promptTokens);
    return new RunShape(positions, promptTokens, threads, policy(), keyValues.precision(),
        impose.heapBytes(opened.spec(), positions));
  }

  /**
   * Options of a JVM that stays within {@code --ram}; none without it. Reads no prompt that can be read only once, but takes
   * the whole context for it.
   */
  List<String> jvmFlags() {
    if (memory.ceilingBytes().isEmpty()) {
      return List.of();
    }
    try (Store opened = store.open()) {
      int tokens = prompt.isRepeatable() ? prompt.ids(opened, new StoreTokenizer(opened)).length
          : context == null ? opened.spec().contextLength() - 1 : context;
      RunShape shape = shape(opened, tokens, reading.threads());
      return MemoryNeeds.of(opened, predictor(opened, shape), shape).jvm().flags();
    }
  }

  private CachePolicy policy() {
    return cache.isGiven() ? cache.policy()
        : preset.preset().map(Preset::policy).orElseGet(cache::policy);
  }

  private ReadPlanner.Limits limits(Store opened) {
    ReadPlanner.Limits usual = Merging.of(opened.ffn().file(), gap).limits();
    return gap.equals(Merging.AUTO)
        ? preset.preset().map(given -> given.merging(usual)).orElse(usual)
        : usual;
  }

  private PredictorChoice predictor(Store opened, RunShape shape) {
    Optional<PredictorChoice> ofPreset = sparsity.isPredictorGiven() ? Optional.empty()
        : preset.preset().flatMap(given -> given.predictor(opened));
    if (ofPreset.isPresent()) {
      return ofPreset.get();
    }
    OptionalLong ceilingBytes = memory.ceilingBytes();
    return ceilingBytes.isPresent()
        ? sparsity.predictor(opened, shape, ceilingBytes.getAsLong())
        : sparsity.predictor(opened, shape);
  }

  /** Whoever starts the JVM without the launcher gets another heap than was planned. */
  private void warnOfLooseHeap(MemoryPlan plan) {
    long looseBytes = Runtime.getRuntime().maxMemory() - plan.needs().jvm().heapBytes();
    if (looseBytes > 0) {
      spec.commandLine().getErr().printf(Locale.ROOT,
          "sluice: Java's heap may take %d MiB more than --ram allows it; start sluice by its launcher, and without -Xmx in "
              + "SLUICE_JVM_OPTS%n",
          (looseBytes >> 20) + 1);
    }
  }

  private int positions(Store opened, int promptTokens) {
    int most = opened.spec().contextLength();
    long wanted = context == null ? Math.min(most, (long) promptTokens + count) : context;
    if (wanted < 1 || wanted > most) {
      throw new BadInputException("--ctx-size " + wanted, "is not possible with this model",
          "give 1 to " + most);
    }
    if (promptTokens > wanted) {
      throw new BadInputException(
          "prompt", "its " + promptTokens + " tokens do not fit in a context of " + wanted,
          "shorten it");
    }
    return (int) wanted;
  }

  /** Without checks, whoever reads the output must know. */
  private Checking checking() {
    return switch (check) {
      case "on" -> Checking.EVERY_PAGE;
      case "off" -> {
        spec.commandLine().getErr().println(
            "sluice: PAGES ARE NOT CHECKED (--check off): a damaged disk or store gives wrong text without a word");
        spec.commandLine().getErr().flush();
        yield Checking.NONE;
      }
      default -> throw new BadInputException("--check " + check, "is neither on nor off",
          "write on or off");
    };
  }

  private ActivationPrecision precision() {
    return switch (activations) {
      case "float32" -> ActivationPrecision.FLOAT32;
      case "int8" -> ActivationPrecision.INT8;
      default -> throw new BadInputException("--activations " + activations,
          "there is no such form", "use float32 or int8");
    };
  }

  /** The tokens to feed instead of drawn ones; empty when tokens are drawn. */
  private int[] forcedIds(Store opened) {
    if (forced == null) {
      if (impose.isGiven()) {
        throw new BadInputException("--impose", "it needs the tokens in advance",
            "give them with --force-ids");
      }
      return new int[0];
    }
    int[] all = PromptOptions.parse("--force-ids", forced, opened.spec().vocabulary());
    return all.length > count ? Arrays.copyOf(all, count) : all;
  }

  private void generate(
      Session session, Engine engine, MemoryPlan plan, CachePolicy policy,
      ReadPlanner.Limits limits, Optional<Tokenizer> tokenizer, int[] ids,
      int[] given, SamplingOptions sampling)
      throws Exception {
    Sampler sampler = new Sampler(sampling, engine.store().spec().vocabulary());
    List<Integer> ends = engine.store().spec().endOfTextIds();
    List<Integer> generated = new ArrayList<>();
    StringBuilder text = new StringBuilder();
    Utf8Stream utf8 = new Utf8Stream();
    long start = System.nanoTime();
    float[] logits;
    if (logitsOut == null) {
      logits = session.prompt(ids, null);
    } else {
      try (LogitsFile file = LogitsFile.create(logitsOut)) {
        logits = session.prompt(ids,
            (all, offset) -> file.write(all, offset, engine.store().spec().vocabulary()));
        file.publish();
      }
    }
    long promptNanos = System.nanoTime() - start;
    int most = forced == null ? count : given.length;
    List<Integer> likeliest = new ArrayList<>();
    while (generated.size() < most) {
      int next = forced == null ? sampler.next(logits) : given[generated.size()];
      if (forced != null) {
        likeliest.add(argmax(logits));
      } else if (ends.contains(next)) {
        break;
      }
      generated.add(next);
      tokenizer.ifPresent(t -> show(utf8.push(t.bytesOf(next)), text));
      if (spec.commandLine().getOut().checkError()) {
        return; // nobody reads it any more; whoever owns the stream says why
      }
      // The last drawn token needs no step; a given one is there to be timed.
      if (session.position() == session.capacity() || forced == null && generated.size() == most) {
        break;
      }
      logits = session.step(next);
    }
    show(utf8.flush(), text);
    Summary summary = Summary.of(session.ledger());
    if (json) {
      spec.commandLine().getOut().println(
          Json.write(
              object(session, engine, plan, policy, limits, ids, generated, likeliest, text,
                  summary,
                  promptNanos)));
    } else {
      spec.commandLine().getOut().println();
      spec.commandLine().getOut().flush();
      spec.commandLine().getErr().println(LedgerText.line(summary, session, engine, plan));
      spec.commandLine().getErr().printf("reads: %s; merged over gaps of up to %d KiB%n",
          session.describeReader(), limits.gapBytes() >> 10);
    }
  }

  private void show(String piece, StringBuilder text) {
    text.append(piece);
    if (!json && !piece.isEmpty()) {
      spec.commandLine().getOut().print(piece);
      spec.commandLine().getOut().flush();
    }
  }

  private Map<String, Object> object(
      Session session, Engine engine, MemoryPlan plan, CachePolicy policy,
      ReadPlanner.Limits limits, int[] ids,
      List<Integer> generated,
      List<Integer> likeliest, StringBuilder text,
      Summary summary, long promptNanos) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("prompt_ids", ids);
    object.put("token_ids", generated);
    if (!likeliest.isEmpty()) {
      object.put("argmax_ids", likeliest);
    }
    object.put("text", text.toString());
    object.put("rule", engine.askedActivity().rule().key());
    object.put("cett_target", engine.askedActivity().cett());
    object.put("predictor", engine.predictor().toString());
    object.put("key_values", keyValues.form());
    object.put("io", session.describeReader());
    object.put("merge_gap_bytes", limits.gapBytes());
    object.put("max_request_bytes", limits.maxRequestBytes());
    object.put("cache", policy.name());
    object.put("memory", LedgerText.memory(plan));
    object.put("prompt_ms", promptNanos / 1e6);
    object.put("prompt_bytes_read", session.promptBytesRead());
    object.put("prompt_wait_ms", session.promptWaitNanos() / 1e6);
    object.put("reads_repeated_beside_tokens", session.repeatsBesideTokens());
    object.put("token_ms", tokenMillis(session.ledger()));
    object.put("ledger", LedgerText.object(summary));
    if (session.ledger().timeline().isKept()) {
      object.put("timeline", TimelineText.object(session.ledger()));
    }
    return object;
  }

  private static List<Double> tokenMillis(Ledger ledger) {
    List<Double> millis = new ArrayList<>();
    for (int token = 0; token < ledger.tokens(); token++) {
      millis.add(ledger.tokenNanos(token) / 1e6);
    }
    return millis;
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }
}
