package dev.sluice.bench.peers;

import dev.sluice.bench.peers.MemoryGroup.Occupancy;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Samples of a child's counters and its group's occupancy, and what lies between them. Thread-safe. */
final class Watch implements AutoCloseable {
  private static final long PERIOD_MILLIS = 50;

  /** {@code nanos} as of {@link System#nanoTime}. */
  record Sample(long nanos, Counters counters, Occupancy occupancy) {}

  private final List<Sample> samples = new ArrayList<>();
  private final Supplier<Sample> source;
  private final Thread thread;
  private volatile boolean running = true;

  private Watch(Supplier<Sample> source) {
    this.source = source;
    this.thread = Thread.ofPlatform().name("watch").daemon().unstarted(this::run);
  }

  static Watch start(long pid, MemoryGroup group) {
    Watch watch = new Watch(
        () -> new Sample(System.nanoTime(), Counters.of(pid), group.occupancy()));
    watch.thread.start();
    return watch;
  }

  /** Over samples that were taken before. */
  static Watch of(List<Sample> samples) {
    Watch watch = new Watch(() -> new Sample(0, Counters.NONE, Occupancy.NONE));
    watch.samples.addAll(samples);
    return watch;
  }

  private void run() {
    while (running) {
      sample();
      try {
        Thread.sleep(PERIOD_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /** Takes one more now. A process that ends loses its counters: those are left out. */
  synchronized void sample() {
    Sample sample = source.get();
    Sample last = samples.isEmpty() ? null : samples.getLast();
    if (last == null || (sample.counters().cpuSeconds() >= last.counters().cpuSeconds()
        && sample.counters().readBytes() >= last.counters().readBytes())) {
      samples.add(sample);
    }
  }

  /** Used between two times; counters are taken to grow evenly from sample to sample. */
  synchronized Counters between(long fromNanos, long toNanos) {
    return at(toNanos).minus(at(fromNanos));
  }

  private Counters at(long nanos) {
    Sample before = null;
    for (Sample sample : samples) {
      if (sample.nanos() >= nanos) {
        if (before == null) {
          return sample.counters();
        }
        double share = (double) (nanos - before.nanos()) / (sample.nanos() - before.nanos());
        return before.counters().towards(sample.counters(), share);
      }
      before = sample;
    }
    return before == null ? Counters.NONE : before.counters();
  }

  /** The sample with most anonymous and mapped memory. */
  synchronized Occupancy fullest() {
    Occupancy most = Occupancy.NONE;
    for (Sample sample : samples) {
      if (held(sample.occupancy()) > held(most)) {
        most = sample.occupancy();
      }
    }
    return most;
  }

  /** Memory that processes hold, the page cache that nobody maps left out. */
  static long held(Occupancy occupancy) {
    return occupancy.anonymousBytes() + occupancy.mappedBytes();
  }

  @Override
  public void close() {
    running = false;
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
