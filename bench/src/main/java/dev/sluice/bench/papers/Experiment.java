package dev.sluice.bench.papers;

/** One part of the papers: what it measures and how it tells of it. Stateless. */
interface Experiment {
  /** A short name, such as {@code magnitudes}: users name it, files carry it. */
  String key();

  /** Its share of the whole run's time, in any unit that all share. */
  int weight();

  /** Measures what is not yet kept, and makes tables of it. */
  Findings run(Laboratory laboratory);
}
