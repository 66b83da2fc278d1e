package dev.sluice.bench.compare;

import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ledger.Summary;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.Session;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;

/** Decodes a text token by token, teacher-forced, with real reads, and sums up what the ledger saw. */
final class StreamRun {
  private StreamRun() {}

  /**
   * @param tokens text to take; a new context begins every {@code contextTokens}
   * @param warm tokens that fill the cache and are not counted
   * @param count tokens measured after them
   */
  static Summary measure(
      Engine engine, Residency residency, ReadPlanner.Limits limits, int[] tokens,
      int contextTokens, int warm,
      int count) {
    try (Session session = new Session(engine, contextTokens, residency, limits)) {
      for (int t = 0; t < warm + count; t++) {
        if (t == warm) {
          session.ledger().clear();
        }
        if (session.position() == contextTokens) {
          session.restart();
        }
        session.step(tokens[t % tokens.length]);
      }
      return Summary.of(session.ledger());
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
