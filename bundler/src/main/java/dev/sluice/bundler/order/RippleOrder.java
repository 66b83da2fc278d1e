package dev.sluice.bundler.order;

import dev.sluice.bundler.coactivation.CoactivationStats;
import dev.sluice.bundler.coactivation.Partners;
import dev.sluice.bundler.coactivation.Partners.Extent;
import java.util.PriorityQueue;

/**
 * Ripple's greedy path (arXiv 2410.19274). Pairs are taken by firings together, descending, ties by the lower
 * and then the higher neuron; a pair is linked unless one of the two has two links already or both are on one path.
 * Pairs that never fired together are not linked. The paths that remain are laid end to end by {@link Paths}.
 *
 * <p>Exactly that, though the pairs are never all sorted: each neuron offers its best partner that can still be linked,
 * and the best offer of all is the next pair. A neuron whose kept partners run out is counted anew against the neurons
 * that are not yet inside a path. With m partners kept the work is about n·m offers and a few recounts per neuron.
 */
public record RippleOrder() implements Order {
  @Override
  public String name() {
    return "ripple";
  }

  @Override
  public int[] arrange(CoactivationStats stats) {
    return link(stats).concatenate(stats);
  }

  static Paths link(CoactivationStats stats) {
    return new Linking(stats).run();
  }

  /** Says that an owner's list ran out: its next pair is unknown, but no better than this. */
  private static final int UNKNOWN = -1;

  /** A pair offered by one of its ends. Sorts before another if it is to be linked first. */
  private record Offer(int count, int low, int high, int owner) implements Comparable<Offer> {
    @Override
    public int compareTo(Offer other) {
      int order = Integer.compare(other.count, count);
      order = order != 0 ? order : Integer.compare(low, other.low);
      order = order != 0 ? order : Integer.compare(high, other.high);
      return order != 0 ? order : Integer.compare(owner, other.owner);
    }
  }

  private static final class Linking {
    private final CoactivationStats stats;
    private final Paths paths;
    private final Partners[] partners;
    private final int[] cursor;
    private final PriorityQueue<Offer> offers = new PriorityQueue<>();
    private final int[] open;
    private int openCount;

    Linking(CoactivationStats stats) {
      this.stats = stats;
      int neurons = stats.neurons();
      paths = new Paths(neurons);
      partners = new Partners[neurons];
      cursor = new int[neurons];
      open = new FrequencyOrder().arrange(stats);
    }

    Paths run() {
      for (int i = 0; i < stats.neurons(); i++) {
        partners[i] = stats.partners(i);
        offer(i);
      }
      openCount = stats.neurons();
      while (!offers.isEmpty()) {
        Offer best = offers.poll();
        if (!paths.open(best.owner)) {
          partners[best.owner] = null;
        } else if (best.low == UNKNOWN) {
          recount(best.owner);
        } else {
          if (paths.linkable(best.low, best.high)) {
            paths.link(best.low, best.high);
          }
          offer(best.owner);
        }
      }
      return paths;
    }

    /** Queues the neuron's next pair that can be linked, or a reminder to count again, or nothing if it has none. */
    private void offer(int neuron) {
      Partners list = partners[neuron];
      while (cursor[neuron] < list.size()) {
        int partner = list.neuron(cursor[neuron]);
        if (paths.linkable(neuron, partner)) {
          offers.add(
              new Offer(
                  list.count(cursor[neuron]),
                  Math.min(neuron, partner),
                  Math.max(neuron, partner),
                  neuron));
          return;
        }
        cursor[neuron]++;
      }
      if (list.extent() == Extent.CUT && paths.open(neuron)) {
        offers.add(new Offer(list.count(list.size() - 1), UNKNOWN, UNKNOWN, neuron));
      }
    }

    /** Lists the neuron's partners anew among the ends and loners that it can be linked to. */
    private void recount(int neuron) {
      int kept = 0;
      for (int k = 0; k < openCount; k++) {
        if (paths.open(open[k])) {
          open[kept++] = open[k];
        }
      }
      openCount = kept;
      int[] candidates = new int[openCount];
      int size = 0;
      for (int k = 0; k < openCount; k++) {
        if (paths.linkable(neuron, open[k])) {
          candidates[size++] = open[k];
        }
      }
      partners[neuron] = stats.partnersAmong(neuron, candidates, size);
      cursor[neuron] = 0;
      offer(neuron);
    }
  }
}
