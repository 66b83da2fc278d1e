package dev.sluice.bench.peers;

import java.util.ArrayList;
import java.util.List;

/** The order of runs: every rival once, then every rival again, so that a drift of the machine meets all of them. */
final class Turns {
  private Turns() {}

  static <T> List<T> of(List<T> rivals, int rounds) {
    List<T> turns = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      turns.addAll(rivals);
    }
    return List.copyOf(turns);
  }
}
