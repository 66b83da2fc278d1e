package dev.sluice.engine.ffn;

import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.ledger.Quantity;
import java.util.function.IntConsumer;

/**
 * One layer's work for the team: ask for what is missing, compute what is resident, then take and compute what lands. Which
 * thread does what is left to chance and leaves no trace in the result. One caller at a time; owns nothing.
 */
final class LayerRound implements IntConsumer {
  private static final int CHUNK_NEURONS = 64;

  private final NeuronPass pass;
  private final BundleFetch ahead; // null without look-ahead
  private final Foresight foresight; // null without look-ahead
  private final Workers workers;
  private final Ledger ledger;
  private final BundleFetch.Landing ofAhead = this::foreseenLanded;
  private final BundleFetch.Landing ofDemand = this::landed;
  private BundleFetch demand;
  private ReadAhead after; // null if what comes next is not known
  private int resident; // places in the queue before this are
  private int asked; // those from here on are read on demand
  private int chunks;

  LayerRound(NeuronPass pass, BundleFetch ahead, Foresight foresight,
      Workers workers, Ledger ledger) {
    this.pass = pass;
    this.ahead = ahead;
    this.foresight = foresight;
    this.workers = workers;
    this.ledger = ledger;
  }

  /**
   * Says what is queued: neurons in places before {@code resident} need no reading, those up to {@code asked} look-ahead has asked
   * for, those behind are to be asked for, in the order of {@code demand}.
   *
   * @param after reads the next layer ahead when this one's reads have been started; null if it does not
   */
  void begin(int resident, int asked, BundleFetch demand, ReadAhead after) {
    this.demand = demand;
    this.after = after;
    this.resident = resident;
    this.asked = asked;
    chunks = Math.ceilDiv(resident, CHUNK_NEURONS);
  }

  /** Goes on until all that is queued is computed. */
  void run() {
    int tasks = 1 + chunks + workers.threads();
    if (pass.isShared(pass.queued())) {
      workers.parallelFor(tasks, this);
    } else {
      for (int task = 0; task < tasks; task++) {
        accept(task);
      }
    }
    demand.ended();
    if (ahead != null) {
      ahead.ended();
    }
  }

  @Override
  public void accept(int task) {
    if (task == 0) {
      ask();
    } else if (task <= chunks) {
      int from = (task - 1) * CHUNK_NEURONS;
      compute(from, Math.min(resident, from + CHUNK_NEURONS));
    } else {
      take();
    }
  }

  private void ask() {
    demand.start();
    if (after != null) {
      after.after(demand, demand.layer() + 1);
    }
  }

  private void take() {
    if (ahead != null) {
      ahead.landAll(ofAhead);
    }
    demand.landAll(ofDemand);
  }

  private void foreseenLanded(int first, int count) {
    for (int m = first; m < first + count; m++) {
      int from = foresight.place(m);
      if (from != Foresight.NOT_QUEUED) {
        int to = from + 1;
        while (m + 1 < first + count && foresight.place(m + 1) == to) {
          to++;
          m++;
        }
        compute(from, to);
      }
    }
  }

  private void landed(int first, int count) {
    compute(asked + first, asked + first + count);
  }

  private void compute(int from, int to) {
    long started = System.nanoTime();
    pass.compute(from, to);
    ledger.spent(demand.layer(), Quantity.COMPUTE_NANOS, started, System.nanoTime());
  }
}
