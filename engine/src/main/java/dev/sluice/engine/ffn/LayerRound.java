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
  private final BundleFetch demand;
  private final Workers workers;
  private final Ledger ledger;
  private final BundleFetch.Landing landing = this::landed;
  private int resident; // places in the queue before this are; those from here on are read
  private int chunks;
  private boolean readsOn; // staging could not take all
  private volatile boolean isAsked;

  LayerRound(NeuronPass pass, BundleFetch demand, Workers workers, Ledger ledger) {
    this.pass = pass;
    this.demand = demand;
    this.workers = workers;
    this.ledger = ledger;
  }

  /**
   * Says what is queued: neurons in places before {@code resident} need no reading, those behind do, in the order of {@code
   * demand}.
   */
  void begin(int resident) {
    this.resident = resident;
    chunks = Math.ceilDiv(resident, CHUNK_NEURONS);
  }

  /** Asks for what is to be read before {@link #run} would; once a round, by any thread. */
  void ask() {
    try {
      readsOn = demand.start();
    } finally {
      isAsked = true;
    }
  }

  /** Goes on until all that is queued is computed. */
  void run() {
    do {
      int tasks = 1 + chunks + workers.threads();
      if (pass.isShared(pass.queued())) {
        workers.parallelFor(tasks, this);
      } else {
        for (int task = 0; task < tasks; task++) {
          accept(task);
        }
      }
      chunks = 0;
      isAsked = false;
      demand.ended();
    } while (readsOn);
  }

  @Override
  public void accept(int task) {
    if (task == 0) {
      if (!isAsked) {
        ask();
      }
    } else if (task <= chunks) {
      int from = (task - 1) * CHUNK_NEURONS;
      compute(from, Math.min(resident, from + CHUNK_NEURONS));
    } else {
      take();
    }
  }

  private void take() {
    while (!isAsked) {
      Thread.onSpinWait();
    }
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
