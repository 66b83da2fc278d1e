package dev.sluice.bench.compare;

import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.Session;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;

/** Decodes a text token by token, teacher-forced, with real reads. */
final class StreamRun {
  private StreamRun() {}

  /**
   * What the ledger saw of {@code count} tokens.
   *
   * @param tokens text to take, around its end if need be; a new context begins every {@code contextTokens}
   * @param first where in the text to begin
   * @param warm tokens that fill the cache and are not counted
   * @param count tokens measured after them
   */
  static Ledger measure(
      Engine engine, Residency residency, ReadPlanner.Limits limits, int[] tokens, int first,
      int contextTokens, int warm, int count) {
    try (Session session = new Session(engine, contextTokens, residency, limits)) {
      for (int t = 0; t < warm + count; t++) {
        if (t == warm) {
          session.ledger().clear();
        }
        if (session.position() == contextTokens) {
          session.restart();
        }
        session.step(tokens[(first + t) % tokens.length]);
      }
      return session.ledger();
    }
  }

  /** One line about how a run of this engine reads. */
  static String device(Engine engine, ReadPlanner.Limits limits) {
    Residency none = new Residency(0, 0, Window.auto(), 64);
    try (Session session = new Session(engine, 1, none, limits)) {
      return session.describeReader();
    }
  }
}
