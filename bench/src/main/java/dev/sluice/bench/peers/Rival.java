package dev.sluice.bench.peers;

import java.nio.file.Path;
import java.util.List;

/** One engine with one way to run it. */
sealed interface Rival permits LlamaRival, SluiceRival {
  /** Short; unique among the rivals of one size of RAM. */
  String name();

  /** What it is called at every size of RAM, so that a curve can be drawn. */
  String family();

  /** What it does with memory, for the report. */
  String description();

  /** What it reads: a file or a folder. */
  Path model();

  /** Whether the run's limit holds for it. */
  Limit limit();

  /** Its command line over {@code job}. */
  List<String> command(Job job);

  /** Which memory limit a rival runs under. */
  enum Limit {
    /** The size of RAM that is being measured. */
    GIVEN,
    /** None: a reference with everything in memory. */
    NONE
  }

  /**
   * @param ramBytes the limit; for a rival without one what it may use
   * @param setting a file that the rival may write and its child reads
   */
  record Job(TokenLists tokens, long ramBytes, int threads, Path setting) {}
}
