package dev.sluice.bench.papers;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.SparsityChoice;
import dev.sluice.engine.text.Tokenizer;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.threshold.TargetSearch;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/** One model of a run: its bundled store and the held-out text in its own tokens. */
final class PaperModel implements AutoCloseable {
  private final ModelSource source;
  private final Store store;
  private final String text;
  private final int[] heldOut;
  private final Workers workers;
  private final Backend backend;

  /**
   * @throws BadInputException if the store has no thresholds or tokenizer, or the text is shorter than one window
   */
  PaperModel(ModelSource source, String heldOut, Workers workers, Backend backend) {
    this.source = source;
    this.text = heldOut;
    this.workers = workers;
    this.backend = backend;
    this.store = Store.open(source.store());
    try {
      if (!SparsityChoice.hasThresholds(store)) {
        throw new BadInputException(store.folder(), "it has no thresholds yet",
            "run `sluice trace` on it, then `sluice bundle`");
      }
      byte[] json = store.tokenizerJson().orElseThrow(
          () -> new BadInputException(store.folder(), "it has no tokenizer",
              "import a checkpoint that has one"));
      this.heldOut = Tokenizer.parse(json, store.folder().toString()).encode(heldOut);
      if (this.heldOut.length < Effort.WINDOW_TOKENS) {
        throw new BadInputException("the held-out text", "is shorter than one window",
            "give one of at least " + Effort.WINDOW_TOKENS + " tokens");
      }
    } catch (RuntimeException | Error e) {
      store.close();
      throw e;
    }
  }

  String name() {
    return source.name();
  }

  ModelSource source() {
    return source;
  }

  Store store() {
    return store;
  }

  ModelSpec spec() {
    return store.spec();
  }

  Workers workers() {
    return workers;
  }

  Backend backend() {
    return backend;
  }

  /** The whole held-out text. */
  String text() {
    return text;
  }

  /** The first windows of the held-out text. */
  int[] tokens(int most) {
    int windows = Math.min(most, heldOut.length) / Effort.WINDOW_TOKENS;
    return Arrays.copyOf(heldOut, Math.max(1, windows) * Effort.WINDOW_TOKENS);
  }

  boolean gated() {
    return spec().form() == FfnForm.GATED;
  }

  /** Whether its activation gives exact zeros. */
  boolean hasExactZeros() {
    return switch (spec().activation()) {
      case RELU, RELU2 -> true;
      case SILU, GELU_TANH -> false;
    };
  }

  /** The FFN as the papers call it. */
  String activation() {
    return switch (spec().activation()) {
      case RELU -> gated() ? "ReGLU" : "ReLU";
      case RELU2 -> gated() ? "gated ReLU²" : "ReLU²";
      case SILU -> gated() ? "SwiGLU" : "SiLU";
      case GELU_TANH -> gated() ? "GeGLU" : "GELU";
    };
  }

  /** Rules with thresholds that can decide a neuron's activity. */
  List<ActiveRule> rules() {
    return gated() ? List.of(ActiveRule.OUTPUT, ActiveRule.GATE) : List.of(ActiveRule.OUTPUT);
  }

  /** The CETT-PPL-1 % target of a rule; empty if none was searched. */
  OptionalDouble onePercent(ActiveRule rule) {
    return SparsityChoice.findOnePercentTarget(store, rule);
  }

  /** What the search of that target tried; stores of older versions do not say. */
  Optional<TargetSearch> search(ActiveRule rule) {
    return store.blob(StoreKeys.search(rule)).map(TargetSearch::decode);
  }

  Selection onePercentSelection(ActiveRule rule) {
    return new Selection(rule, SparsityChoice.onePercentTarget(store, rule));
  }

  Activity activity(Selection selection) {
    return SparsityChoice.resolve(store, selection.rule(),
        selection.rule() == ActiveRule.EXACT ? OptionalDouble.empty()
            : OptionalDouble.of(selection.cett()));
  }

  List<CettCurve> curves(ActiveRule rule) {
    return CettCurve.decode(store.blob(StoreKeys.curve(rule)).orElseThrow());
  }

  /** An engine under a selection; the caller closes it. */
  Engine engine(Selection selection, PredictorChoice predictor) {
    return new Engine(store, workers, backend, activity(selection), predictor);
  }

  @Override
  public void close() {
    store.close();
  }
}
