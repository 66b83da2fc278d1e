package dev.sluice.engine.session;

import dev.sluice.engine.ffn.FfnStream;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Store;

/**
 * How a RAM budget is split. Slots are charged at the bundle's width on disk, and a predictor's matrices at the same ratio,
 * so that a padded store is budgeted like the wider model that it stands for.
 *
 * @param budgetBytes what was to be split; for slots and predictor alone in {@link #ofFfn}
 * @param needs what is taken beside slots
 * @param slots bundles that fit in what is left
 * @param slotBytes what one slot is charged
 * @param allBundles bundles of the whole model
 */
public record MemoryPlan(
    long budgetBytes, MemoryNeeds needs, int slots, long slotBytes, int allBundles) {
  private static final long MIB = 1L << 20;

  // The last slots end in a huge page that is taken whole.
  private static final long HUGE_PAGE_BYTES = 2L << 20;

  /** Total bytes of FFN weights at their width on disk: what budgets are a share of. */
  public static long ffnBytes(Store store) {
    return (long) store.spec().layers() * store.spec().feedForward()
        * FfnStream.widthBytes(store.ffn());
  }

  /**
   * Splits a budget for slots and predictor only, as comparisons do.
   *
   * @param residentFfnBytes slots and predictor together
   */
  public static MemoryPlan ofFfn(Engine engine, long residentFfnBytes, RunShape shape) {
    Store store = engine.store();
    long predictor = MemoryNeeds.padded(store, engine.predictorBytes());
    MemoryNeeds needs = MemoryNeeds.of(store, engine.predictor(), shape).withPredictor(predictor);
    long left = residentFfnBytes - predictor;
    if (left < 0) {
      throw new BadInputException(
          "--ffn-ram",
          "the predictor " + engine.predictor() + " alone takes " + size(predictor)
              + " and " + size(residentFfnBytes) + " are allowed",
          "give at least --ffn-ram " + ((predictor >> 10) + 1)
              + "K, or choose a predictor with fewer bits");
    }
    return split(store, needs, residentFfnBytes, left);
  }

  /**
   * Splits a budget for the whole process, before anything large is loaded.
   *
   * @throws BadInputException if it is below the floor, with the number that would do; or if the predictor is the oracle,
   *     which no budget is charged for
   */
  public static MemoryPlan ofProcess(Store store, PredictorChoice predictor, RunShape shape,
      long ramBytes) {
    if (predictor.kind() == PredictorChoice.Kind.ORACLE) {
      throw new BadInputException("--predictor oracle",
          "it keeps a copy of the weights that no budget is charged for", "leave out --ram");
    }
    MemoryNeeds needs = MemoryNeeds.of(store, predictor, shape);
    long floor = needs.totalBytes() + HUGE_PAGE_BYTES;
    if (ramBytes < floor) {
      throw new BadInputException(
          "--ram",
          size(ramBytes) + " are less than the " + size(floor)
              + " that this model needs before any "
              + "FFN weight is kept",
          "give at least --ram " + floorMebibytes(floor) + "M");
    }
    return split(store, needs, ramBytes, ramBytes - floor);
  }

  /** The smallest budget, in whole MiB. */
  public static long floorBytes(MemoryNeeds needs) {
    return floorMebibytes(needs.totalBytes() + HUGE_PAGE_BYTES) * MIB;
  }

  private static long floorMebibytes(long bytes) {
    return Math.ceilDiv(bytes, MIB);
  }

  private static MemoryPlan split(Store store, MemoryNeeds needs, long budget, long left) {
    int all = Math.multiplyExact(store.spec().layers(), store.spec().feedForward());
    long slot = FfnStream.widthBytes(store.ffn());
    return new MemoryPlan(budget, needs, (int) Math.min(all, left / slot), slot, all);
  }

  /** Bytes that slots are charged. */
  public long slotsBytes() {
    return slots * slotBytes;
  }

  private static String size(long bytes) {
    long unit = bytes < 10 << 20 ? 1 << 10 : 1 << 20;
    return (bytes + unit - 1) / unit + (unit == 1 << 10 ? " KiB" : " MiB");
  }
}
