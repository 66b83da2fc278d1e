package dev.sluice.bundler.pack;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.plan.DeviceModel;
import dev.sluice.storage.plan.ReadPlanner;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How far apart bundles should lie: for each width that could pay, what the device's model says a token's misses would take,
 * planned as the engine plans them. Padding spares pages that two bundles share, and makes runs longer.
 *
 * @param choices by width; the first is the bundle itself
 */
public record StridePlan(List<Choice> choices) {
  private static final int PAGE_BYTES = 4096;
  private static final int SECTOR_BYTES = 512;
  private static final int PAD_PART = 17; // below a sixteenth

  /** Disk space is worth something: padding has to spare so much of the time. */
  private static final double LEAST_GAIN = 0.02;

  private static final long STAGING_BYTES = 16L << 20;

  /**
   * A width, with what one token reads of one layer, mean over the layers looked at.
   *
   * @param strideBytes from bundle to bundle
   */
  public record Choice(int strideBytes, double requests, double bytes, double millis) {}

  /**
   * What one layer misses.
   *
   * @param misses firings of neurons that are not resident
   * @param order neuron at each position
   */
  record Layer(Activity misses, int[] order) {
    /** Misses when a share of the neurons, the most frequent, is resident. */
    static Layer of(Activity all, int[] order, double residentShare) {
      int[] counts = all.counts();
      BitSet resident = new BitSet(counts.length);
      IntStream.range(0, counts.length).boxed()
          .sorted(Comparator.<Integer>comparingInt(i -> -counts[i]).thenComparingInt(i -> i))
          .limit(Math.round(residentShare * counts.length)).forEach(resident::set);
      return new Layer(all.without(resident), order);
    }
  }

  public StridePlan {
    choices = List.copyOf(choices);
  }

  /** @param layers some layers of the model, at least one */
  static StridePlan of(int bundleBytes, List<Layer> layers, DeviceModel model) {
    return new StridePlan(widths(bundleBytes).mapToObj(stride -> choice(stride, layers, model))
        .toList());
  }

  /** The bundle as it is, and padded a little: to sectors, to a divisor of a page, and to whole pages. */
  private static IntStream widths(int bundleBytes) {
    int pages = Math.ceilDiv(bundleBytes, PAGE_BYTES) * PAGE_BYTES;
    IntStream parts = IntStream.iterate(SECTOR_BYTES, part -> part < pages, part -> 2 * part)
        .filter(part -> part >= bundleBytes).limit(1);
    int sectors = Math.ceilDiv(bundleBytes, SECTOR_BYTES) * SECTOR_BYTES;
    // More padding than that is charged to slots, as such a store stands for a wider model.
    return IntStream.concat(IntStream.of(bundleBytes, sectors, pages), parts)
        .filter(width -> width - bundleBytes <= bundleBytes / PAD_PART).sorted().distinct();
  }

  private static Choice choice(int strideBytes, List<Layer> layers, DeviceModel model) {
    ReadPlanner planner = new ReadPlanner(ReadPlanner.Limits.of(model, PAGE_BYTES));
    long requests = 0;
    long bytes = 0;
    long tokens = 0;
    try (Arena arena = Arena.ofConfined()) {
      ReadBatch batch = new ReadBatch(arena.allocate(STAGING_BYTES, PAGE_BYTES));
      for (Layer layer : layers) {
        int[] positions = new int[layer.misses.neurons()];
        for (int token = 0; token < layer.misses.tokens(); token++) {
          int count = positions(layer, token, positions);
          planner.clear();
          for (int k = 0; k < count; k++) {
            planner.want((long) positions[k] * strideBytes, strideBytes);
          }
          while (planner.fill(batch)) {
            requests += batch.size();
            for (int request = 0; request < batch.size(); request++) {
              bytes += batch.lengthBytes(request);
            }
          }
        }
        tokens += layer.misses.tokens();
      }
    }
    double requestsPerToken = (double) requests / tokens;
    double bytesPerToken = (double) bytes / tokens;
    return new Choice(strideBytes, requestsPerToken, bytesPerToken,
        model.millis(requestsPerToken, bytesPerToken));
  }

  /** Puts the positions of a token's misses into an array, in ascending order; returns how many. */
  private static int positions(Layer layer, int token, int[] positions) {
    int count = 0;
    for (int position = 0; position < layer.order.length; position++) {
      int neuron = layer.order[position];
      if ((layer.misses.word(token, neuron >>> 6) >>> neuron & 1) != 0) {
        positions[count++] = position;
      }
    }
    return count;
  }

  /** The width that is read soonest; the bundle itself unless another is clearly better. */
  public Choice best() {
    Choice plain = choices.getFirst();
    Choice soonest = choices.stream().min(Comparator.comparingDouble(Choice::millis)).orElseThrow();
    return soonest.millis() < (1 - LEAST_GAIN) * plain.millis() ? soonest : plain;
  }

  /** Layers that stand for all: the first, the middle and the last. */
  static int[] sample(int layers) {
    return Arrays.stream(new int[] {0, layers / 2, layers - 1}).distinct().toArray();
  }
}
