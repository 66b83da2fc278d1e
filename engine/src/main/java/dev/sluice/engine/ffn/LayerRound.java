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
  private final Workers workers;
  private final Ledger ledger;
  private final BundleFetch.Landing landing = this::landed;
  private BundleFetch demand;
  private ReadAhead after; // null if what comes next is not known
  private long[] namedNext; // of the next layer
  private int resident; // places in the queue before this are; those from here on are read
  private int chunks;

  LayerRound(NeuronPass pass, Workers workers, Ledger ledger) {
    this.pass = pass;
    this.workers = workers;
    this.ledger = ledger;
  }

  /**
   * Says what is queued: neurons in places before {@code resident} need no reading, those behind do, in the order of {@code
   * demand}, of which some or all may have been started.
   *
   * @param after reads the next layer ahead when this one's reads have been started; null if it does not
   * @param namedNext bitmap in disk order of what that layer needs; not looked at if {@code after} is null
   */
  void begin(int resident, BundleFetch demand, ReadAhead after, long[] namedNext) {
    this.demand = demand;
    this.after = after;
    this.namedNext = namedNext;
    this.resident = resident;
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
      after.after(demand, demand.layer() + 1, namedNext);
    }
  }

  private void take() {
    demand.landAll(landing);
  }

  private void landed(int first, int count) {
    compute(resident + first, resident + first + count);
  }

  private void compute(int from, int to) {
    long started = System.nanoTime();
    pass.compute(from, to);
    ledger.spent(demand.layer(), Quantity.COMPUTE_NANOS, started, System.nanoTime());
  }
}
