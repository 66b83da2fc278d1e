package dev.sluice.engine.ffn;

import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.storage.cache.WindowCache;
import java.util.function.IntToLongFunction;

/**
 * Look-ahead: asks a layer's predictor for what the layer is likely to name, with its block's input in place of its own, and
 * begins to read what of that is not resident. Runs on a thread of the team while attention is computed; its caller awaits it
 * before anything else of it is asked. Owns nothing.
 */
final class Foresight implements Runnable {
  private final Model model;
  private final ActivePredictor predictor;
  private final DiskOrder order;
  private final WindowCache cache;
  private final BundleFetch fetch;
  private final Ledger ledger;

  private final float[] x;
  private final float[] normed;
  private final byte[] predicted;
  private final long[] wanted;
  private final long[] absent;
  private final int[] place; // in the queue, of each bundle on its way; NOT_QUEUED in vain
  private final PredictorScratch scratch = new PredictorScratch();
  private int layer;
  private boolean claimed;
  private boolean queued;
  private long nanos;

  static final int NOT_QUEUED = -1;

  /** @param fetch for look-ahead alone */
  Foresight(Model model, ActivePredictor predictor, DiskOrder order, WindowCache cache,
      BundleFetch fetch, Ledger ledger) {
    this.model = model;
    this.predictor = predictor;
    this.order = order;
    this.cache = cache;
    this.fetch = fetch;
    this.ledger = ledger;
    x = new float[model.spec().hidden()];
    normed = new float[x.length];
    predicted = new byte[model.spec().feedForward()];
    wanted = order.bitmap();
    absent = order.bitmap();
    place = new int[predicted.length];
  }

  /** Sets what {@link #run} is about: a layer and the hidden state before its attention, which is copied. */
  void about(int layer, float[] x) {
    this.layer = layer;
    claimed = false;
    queued = false;
    System.arraycopy(x, 0, this.x, 0, this.x.length);
  }

  @Override
  public void run() {
    long start = System.nanoTime();
    model.normFfn(layer, x, 0, 1, normed, 0);
    predictor.foresee(layer, normed, predicted, scratch);
    order.mark(layer, predicted, wanted);
    long predictedAt = System.nanoTime();
    cache.absent(layer, wanted, absent);
    fetch.plan(layer, absent);
    ledger.spent(layer, Quantity.PREDICT_NANOS, start, predictedAt);
    ledger.spent(layer, Quantity.CACHE_NANOS, predictedAt, System.nanoTime());
    fetch.start();
    nanos = System.nanoTime() - start;
  }

  /** What {@link #run} took. */
  long nanos() {
    return nanos;
  }

  /**
   * Takes those of the misses that are on their way out of them and gives them a home; once a layer.
   *
   * @param admit a position's home
   */
  void claim(long[] misses, IntToLongFunction admit) {
    if (claimed) {
      return;
    }
    claimed = true;
    int known = 0;
    int vain = 0;
    for (int m = 0; m < fetch.count() && fetch.isStarted(m); m++) {
      int position = fetch.position(m);
      place[m] = NOT_QUEUED;
      if (DiskOrder.isSet(misses, position)) {
        DiskOrder.clear(misses, position);
        fetch.home(m, admit.applyAsLong(position));
        known++;
      } else {
        vain++;
      }
    }
    ledger.add(layer, Quantity.FORESEEN, known);
    ledger.add(layer, Quantity.READ_IN_VAIN, vain);
  }

  /** Queues what was claimed; once a layer. */
  void queue(NeuronPass pass) {
    for (int m = 0; !queued && m < fetch.count() && fetch.isStarted(m); m++) {
      if (fetch.home(m) != BundleFetch.NOWHERE) {
        place[m] = pass.add(order.neuronAt(layer, fetch.position(m)), fetch.home(m));
      }
    }
    queued = true;
  }

  /** Place in the queue of the index-th bundle on its way, {@link #NOT_QUEUED} if it was read in vain. */
  int place(int index) {
    return place[index];
  }
}
