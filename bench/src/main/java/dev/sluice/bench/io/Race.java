package dev.sluice.bench.io;

import dev.sluice.bench.compare.Progress;
import dev.sluice.bench.io.RaceResult.Course;
import dev.sluice.bench.io.RaceResult.Entry;
import dev.sluice.storage.FaultException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.ToDoubleFunction;

/** Racers that read lists in turns; who begins changes from round to round. */
final class Race {
  private static final int MOST_WARM_LAPS = 14;

  private final int rounds;
  private final Progress progress;

  /**
   * A racer and its lists, a new one for each round. Entrants with the same function must read the same bytes.
   */
  record Entrant(Racer racer, IntFunction<ReadList> lists) {}

  Race(int rounds, Progress progress) {
    this.rounds = rounds;
    this.progress = progress;
  }

  /**
   * Lets all read until compilers have had their fill, then measures.
   *
   * @param entrants the control first
   */
  Course run(String name, List<Entrant> entrants) {
    int warmed = warmUp(name, entrants);
    List<List<Racer.Lap>> laps = new ArrayList<>();
    entrants.forEach(_ -> laps.add(new ArrayList<>()));
    for (int round = 0; round < rounds; round++) {
      progress.report(name, round, rounds);
      for (int turn = 0; turn < entrants.size(); turn++) {
        int who = (turn + round) % entrants.size();
        Entrant entrant = entrants.get(who);
        laps.get(who).add(entrant.racer.run(entrant.lists.apply(warmed + round)));
      }
    }
    List<Entry> entries = new ArrayList<>();
    for (int who = 0; who < entrants.size(); who++) {
      entries.add(
          entry(entrants.get(who), laps.get(who), entrants.getFirst(), laps.getFirst()));
    }
    return new Course(name, entries.getFirst().racer(), entries);
  }

  /** One lap for all, and more for those who need them. Returns how many. */
  private int warmUp(String name, List<Entrant> entrants) {
    int lap = 0;
    do {
      progress.report(name + ", warm-up", lap, MOST_WARM_LAPS);
      for (Entrant entrant : entrants) {
        if (lap == 0 || !entrant.racer.isWarm()) {
          entrant.racer.run(entrant.lists.apply(lap));
        }
      }
      lap++;
    } while (lap < MOST_WARM_LAPS && !entrants.stream().allMatch(e -> e.racer.isWarm()));
    return lap;
  }

  private static Entry entry(
      Entrant entrant, List<Racer.Lap> laps, Entrant control, List<Racer.Lap> controlLaps) {
    double[] throughput = new double[laps.size()];
    double[] processor = new double[laps.size()];
    for (int i = 0; i < laps.size(); i++) {
      Racer.Lap lap = laps.get(i);
      Racer.Lap other = controlLaps.get(i);
      if (entrant.lists.equals(control.lists) && !lap.check().isEmpty()
          && !lap.check().equals(other.check())) {
        throw new FaultException(entrant.racer.name(), "it read other bytes than the control",
            "check the disk (dmesg)");
      }
      throughput[i] = lap.megabytesPerSecond() / other.megabytesPerSecond();
      processor[i] = lap.cpuMicrosPerRead() / other.cpuMicrosPerRead();
    }
    return new Entry(entrant.racer.name(), entrant.racer.greeting(), laps.getFirst().requests(),
        median(laps, Racer.Lap::megabytesPerSecond), median(laps, Racer.Lap::cpuMicrosPerRead),
        median(throughput), Arrays.stream(throughput).min().orElse(Double.NaN),
        Arrays.stream(throughput).max().orElse(Double.NaN), median(processor));
  }

  private static double median(List<Racer.Lap> laps, ToDoubleFunction<Racer.Lap> figure) {
    return median(laps.stream().mapToDouble(figure).toArray());
  }

  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
