package dev.sluice.bench.papers;

import dev.sluice.bench.compare.StoreRuns;
import dev.sluice.bench.papers.PairedBootstrap.Interval;
import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.bench.papers.ResultTable.Rows;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ledger.Summary;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.sequence.SequenceMethod;
import dev.sluice.engine.sequence.SequencePredictor;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.MemoryPlan;
import dev.sluice.engine.session.PinOrder;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.PromptFrequency;
import dev.sluice.engine.session.RunShape;
import dev.sluice.engine.session.Session;
import dev.sluice.storage.cache.CachePolicy;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * Sessions as of {@code sluice run}, with real reads, after a prompt: how long a token takes when the prompt chose the neurons, and
 * what a prompt is worth as a seed of the cache where it chooses nothing.
 */
final class PromptedSessions {
  private static final double RAM_SHARE = 0.5;
  private static final double PINNED_SHARE = 0.9;
  private static final int WARM_TOKENS = 4;
  private static final int LATENCY_PROMPT_TOKENS = 96;
  private static final int FEWEST_WITH_INTERVALS = 5;
  private static final PredictorChoice USUAL = PredictorChoice.quantised(4);
  private static final SequenceMethod HALF = new SequenceMethod.Griffin(50);

  private final List<Seeded> seeded = new ArrayList<>();
  private final Rows latency = new Rows();
  private final Rows seeds = new Rows();

  /** Where the neurons are. */
  private enum Held {
    RAM("all in RAM"),
    FLASH("half in RAM");

    private final String title;

    Held(String title) {
      this.title = title;
    }
  }

  /** What is pinned. */
  private enum Seed {
    FIRST("the first"),
    TRACE("trace (the default)"),
    PROMPT("trace and prompt (--seed-from-prompt)"),
    TDA("TDA's mask, then trace"),
    GRIFFIN("GRIFFIN's half, then trace"),
    CHOSEN("what the prompt chose");

    private final String title;

    Seed(String title) {
      this.title = title;
    }

    /** @param own the session's predictor */
    PinOrder order(Engine engine, Selection thresholds, PaperModel model,
        Optional<SequencePredictor> own) {
      Store store = engine.store();
      return switch (this) {
        case FIRST -> new MaskFirst(store, LayerObserver.NONE, (_, _) -> true);
        case TRACE -> new MaskFirst(store, LayerObserver.NONE, (_, _) -> false);
        case PROMPT -> new PromptFrequency(store);
        case TDA -> MaskFirst.of(store, engine.sequencePredictor(
            SequenceMethod.Tda.ROOT_MEAN_SQUARE, model.activity(thresholds)));
        case GRIFFIN -> MaskFirst.of(store,
            engine.sequencePredictor(HALF, model.activity(thresholds)));
        // The session's own predictor watches the prompt already.
        case CHOSEN -> new MaskFirst(store, LayerObserver.NONE, own.orElseThrow()::names);
      };
    }
  }

  private interface Mask {
    boolean holds(int layer, int neuron);
  }

  /** Neurons of a mask by their traced frequency, then the others. */
  private record MaskFirst(Store store, LayerObserver promptObserver, Mask mask)
      implements PinOrder {
    static MaskFirst of(Store store, SequencePredictor chooses) {
      return new MaskFirst(store, chooses, chooses::names);
    }

    @Override
    public int[] bundles() {
      float[] scores = Floats.fromBytes(store.blob(StoreKeys.FREQUENCY).orElseThrow());
      int neurons = store.spec().feedForward();
      for (int i = 0; i < scores.length; i++) {
        scores[i] += mask.holds(i / neurons, i % neurons) ? 1 : 0;
      }
      return PinOrder.byScore(store, scores);
    }
  }

  private record Case(String method, PredictorChoice predictor, Selection selection, Held held,
      Seed seed) {}

  /** Means over the tokens after one prompt. */
  record Decoded(double bytes, double requests, double hitRate, double ioMillis, double millis) {}

  /** One case; texts in order. */
  record Texts(String method, String held, String seed, List<Decoded> texts) {
    Texts {
      texts = List.copyOf(texts);
    }

    double mean(ToDoubleFunction<Decoded> figure) {
      return texts.stream().mapToDouble(figure).average().orElseThrow();
    }
  }

  /** Kept as a whole: cases took turns. */
  record Turns(List<Texts> cases) {
    Turns {
      cases = List.copyOf(cases);
    }
  }

  private record Seeded(String model, int promptTokens, double saved) {}

  /** Measures a model, unless that is kept; nothing where the default predictor cannot be run. */
  void add(Laboratory laboratory, Measurements model) {
    PaperModel paper = model.model();
    if (paper.onePercent(ActiveRule.OUTPUT).orElse(0) == 0
        || !PredictorChoice.of(paper.store()).contains(USUAL)
        || paper.store().blobBytes(StoreKeys.FREQUENCY).isEmpty()) {
      return;
    }
    Selection selection = paper.onePercentSelection(ActiveRule.OUTPUT);
    List<Case> inTurns = new ArrayList<>();
    for (Held held : Held.values()) {
      inTurns.add(new Case("dense", PredictorChoice.ALL, Selection.EXACT, held, Seed.FIRST));
      inTurns.add(new Case("default, " + USUAL, USUAL, selection, held, Seed.TRACE));
      for (String name : List.of("tda", HALF.key())) {
        inTurns.add(
            new Case(name, PredictorChoice.parse(name), selection, held, Seed.CHOSEN));
      }
    }
    for (Texts one : turns(laboratory, model, LATENCY_PROMPT_TOKENS, inTurns).cases) {
      latency.add(paper.name(), one.method, one.held, one.mean(Decoded::millis),
          one.mean(Decoded::ioMillis), one.mean(Decoded::bytes) / 1e3,
          100 * one.mean(Decoded::hitRate));
    }
    List<Case> bySeed = new ArrayList<>();
    for (Seed seed : List.of(Seed.TRACE, Seed.PROMPT, Seed.TDA, Seed.GRIFFIN)) {
      bySeed.add(new Case("default, " + USUAL, USUAL, selection, Held.FLASH, seed));
    }
    for (int promptTokens : laboratory.effort().promptTokens()) {
      addSeeds(laboratory, paper.name(), promptTokens,
          turns(laboratory, model, promptTokens, bySeed).cases);
    }
  }

  private void addSeeds(Laboratory laboratory, String model, int promptTokens,
      List<Texts> cases) {
    int texts = cases.getFirst().texts.size();
    PairedBootstrap bootstrap =
        new PairedBootstrap(texts, laboratory.effort().resamples(), Effort.SEED);
    double[] usual = bytes(cases.getFirst());
    for (Texts one : cases) {
      double[] own = bytes(one);
      Interval saved = bootstrap.interval(
          sample -> 1 - PairedBootstrap.mean(own, sample) / PairedBootstrap.mean(usual, sample));
      boolean tells = texts >= FEWEST_WITH_INTERVALS && !one.seed.equals(Seed.TRACE.title);
      seeds.add(model, promptTokens, one.seed, one.mean(Decoded::bytes) / 1e3,
          100 * saved.value(), tells ? 100 * saved.low() : Double.NaN,
          tells ? 100 * saved.high() : Double.NaN, one.mean(Decoded::requests),
          100 * one.mean(Decoded::hitRate), one.mean(Decoded::ioMillis));
      if (one.seed.equals(Seed.PROMPT.title)) {
        seeded.add(new Seeded(model, promptTokens, saved.value()));
      }
    }
  }

  private static double[] bytes(Texts texts) {
    return texts.texts.stream().mapToDouble(Decoded::bytes).toArray();
  }

  private static Turns turns(Laboratory laboratory, Measurements model, int promptTokens,
      List<Case> cases) {
    List<int[]> all = SequenceMethods.texts(model);
    List<int[]> texts = all.subList(0, Math.min(all.size(), laboratory.effort().promptedTexts()));
    int decoded = Math.min(laboratory.effort().ioTokens(),
        Effort.WINDOW_TOKENS - promptTokens - WARM_TOKENS);
    return model.keep("prompted sessions after " + promptTokens, model.heldOut(),
        List.of(cases.toString(), "texts " + texts.size(), "tokens " + decoded,
            "reader " + model.model().backend()),
        Turns.class, () -> measure(laboratory, model, texts, promptTokens, decoded, cases));
  }

  private static Turns measure(Laboratory laboratory, Measurements model, List<int[]> texts,
      int promptTokens, int decoded, List<Case> cases) {
    List<List<Decoded>> figures = new ArrayList<>();
    cases.forEach(_ -> figures.add(new ArrayList<>()));
    try (StoreRuns runs = model.runs(laboratory.work().resolve("layouts"),
        model.model().source().store(), decoded)) {
      Store padded = runs.padded();
      for (int text = 0; text < texts.size(); text++) {
        List<Integer> order = new ArrayList<>();
        for (int c = 0; c < cases.size(); c++) {
          order.add(c);
        }
        if (text % 2 != 0) {
          Collections.reverse(order); // a device that drifts drifts for all
        }
        for (int c : order) {
          figures.get(c).add(decode(model.model(), padded, cases.get(c), texts.get(text),
              promptTokens, decoded));
        }
      }
    }
    List<Texts> all = new ArrayList<>();
    for (int c = 0; c < cases.size(); c++) {
      Case one = cases.get(c);
      all.add(new Texts(one.method, one.held.title, one.seed.title, figures.get(c)));
    }
    return new Turns(all);
  }

  private static Decoded decode(PaperModel model, Store store, Case one, int[] text,
      int promptTokens, int decoded) {
    try (Engine engine = new Engine(store, model.workers(), model.backend(),
        model.activity(one.selection), one.predictor)) {
      int context = promptTokens + WARM_TOKENS + decoded;
      int bundles = store.spec().layers() * store.spec().feedForward();
      MemoryPlan plan = MemoryPlan.ofFfn(engine,
          Math.round(RAM_SHARE * MemoryPlan.ffnBytes(store)),
          new RunShape(context, promptTokens, model.workers().threads()));
      int slots = one.held == Held.RAM ? bundles : plan.slots();
      boolean stays = one.held == Held.RAM || one.predictor.kind() == PredictorChoice.Kind.ALL;
      Residency residency = new Residency(slots,
          stays ? slots : (int) Math.round(PINNED_SHARE * slots), Residency.Pinning.MOST_FREQUENT,
          CachePolicy.usual(), plan.needs().spillPlaces());
      ActivePredictor predictor = engine.tokenPredictor();
      Optional<SequencePredictor> own =
          predictor instanceof SequencePredictor chosen ? Optional.of(chosen)
              : Optional.<SequencePredictor>empty();
      try (Session session = new Session(engine, context, residency, StoreRuns.merging(),
          predictor, one.seed.order(engine, one.selection, model, own))) {
        session.prompt(Arrays.copyOf(text, promptTokens), null);
        for (int t = 0; t < WARM_TOKENS + decoded; t++) {
          if (t == WARM_TOKENS) {
            session.ledger().clear();
          }
          session.step(text[promptTokens + t]);
        }
        Summary figures = Summary.of(session.ledger());
        return new Decoded(figures.bytesReadPerToken(), figures.requestsPerToken(),
            figures.hitRate(), figures.ioMillisPerToken(), figures.millisPerToken());
      }
    }
  }

  List<String> sentences() {
    if (seeded.isEmpty()) {
      return List.of();
    }
    List<String> parts = seeded.stream()
        .map(one -> String.format(Locale.ROOT, "%s %+.1f %% after %d tokens", one.model,
            -100 * one.saved, one.promptTokens))
        .toList();
    return List.of(
        "Sessions as of sluice run on the padded store, the same tokens for all, cases in turns. As a seed of the cache the "
            + "prompt costs no quality: it decides which bundles are pinned, the default predictor what is computed. Pinning by "
            + "trace and prompt together (the trace counting like " + PromptFrequency.TRACE_TOKENS
            + " tokens) changes the bytes per token by " + String.join(", ", parts) + ".");
  }

  ResultTable latency() {
    return new ResultTable("prompted_latency",
        "Decoding after a prompt of " + LATENCY_PROMPT_TOKENS + " tokens", Place.EVERYWHERE,
        List.of(Column.text("model", "model"), Column.text("method", "method"),
            Column.text("held", "neurons")
                .meaning("All in slots, or half of the FFN's bytes for slots and predictor; where "
                    + "the prompt chose, what it chose is pinned first."),
            Column.figure("ms_per_token", "ms per token", "ms", Digits.TWO),
            Column.figure("io_ms_per_token", "I/O ms per token", "I/O\nms", Digits.TWO),
            Column.figure("kb_per_token", "KB per token", "KB/\ntoken", Digits.THREE),
            Column.figure("hit_percent", "hit rate, %", "hit\n%", Digits.ONE)),
        latency.all());
  }

  ResultTable seeds() {
    return new ResultTable("prompt_seeds", "What is pinned, under the default predictor",
        Place.EVERYWHERE,
        List.of(Column.text("model", "model"),
            Column.figure("prompt_tokens", "prompt, tokens", "prompt", Digits.COUNT),
            Column.text("pinned", "pinned"),
            Column.figure("kb_per_token", "KB per token", "KB/\ntoken", Digits.THREE),
            Column.figure("saved_percent", "bytes saved, %", "saved\n%", Digits.ONE)
                .meaning("Against pinning by trace, the same tokens."),
            Column.figure("low_saved_percent", "from", "from", Digits.ONE).ranked(2),
            Column.figure("high_saved_percent", "to", "to", Digits.ONE).ranked(2),
            Column.figure("requests_per_token", "requests per token", "reads/\ntoken",
                Digits.THREE),
            Column.figure("hit_percent", "hit rate, %", "hit\n%", Digits.ONE),
            Column.figure("io_ms_per_token", "I/O ms per token", "I/O\nms", Digits.TWO)
                .ranked(1)),
        seeds.all());
  }
}
