package dev.sluice.bench.report;

import dev.sluice.bench.compare.Comparison;
import dev.sluice.bench.compare.Comparison.ModelResult;
import dev.sluice.bench.compare.Comparison.Setting;
import java.util.ArrayList;
import java.util.List;

/** Where the figures come from: machine, text, amounts, models. */
final class Provenance {
  private Provenance() {}

  /** A fact and its name. */
  record Fact(String name, String value) {}

  static Table<Fact> table(Comparison comparison) {
    Setting setting = comparison.setting();
    List<Fact> facts = new ArrayList<>();
    facts.add(new Fact("made by", setting.madeBy()));
    facts.add(new Fact("device", setting.device()));
    facts.add(new Fact("processor", setting.processor()));
    facts.add(new Fact("text", setting.text()));
    facts.add(new Fact("tokens behind each perplexity", Digits.count(setting.evaluatedTokens())));
    facts.add(
        new Fact("tokens on which losses were made equal", Digits.count(setting.matchedTokens())));
    facts.add(
        new Fact("tokens decoded and measured per run", Digits.count(setting.decodedTokens())));
    facts.add(new Fact("the same where every neuron is read",
        Digits.count(setting.denseDecodedTokens())));
    facts.add(new Fact("tokens decoded before measuring", Digits.count(setting.warmTokens())));
    facts.add(
        new Fact("slots and predictor, of the FFN", Digits.percent(setting.ramShare()) + " %"));
    facts.add(new Fact("of the slots, pinned beside a window",
        Digits.percent(setting.pinnedShare()) + " %"));
    for (ModelResult model : comparison.models()) {
      facts.add(new Fact(model.name(), describe(model)));
    }
    return new Table<>(
        "Setting",
        List.of(Column.text("fact", "", Fact::name), Column.text("value", "", Fact::value)), facts);
  }

  /** A model's shape and quality in one line. */
  static String describe(ModelResult model) {
    return model.activation() + "; " + model.layers() + " layers of "
        + Digits.count(model.neurons())
        + " neurons, hidden width " + Digits.count(model.hidden()) + "; FFN "
        + Digits.size((double) model.ffnBytes())
        + " in bundles of " + Digits.count(model.bundleBytes()) + " bytes; dense perplexity "
        + Digits.fixed(model.densePerplexity(), 2) + "; CETT-PPL-1 % at "
        + Digits.fixed(model.onePercentCett(), 4);
  }
}
