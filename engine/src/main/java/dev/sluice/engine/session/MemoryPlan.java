package dev.sluice.engine.session;

import dev.sluice.engine.ffn.FfnStream;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Store;

/**
 * How a RAM budget is split. Slots of a store that is padded to stand for a wider model are charged at the bundle's width on
 * disk, and a predictor's matrices at the same ratio.
 *
 * @param budgetBytes what was to be split; for slots and predictor alone in {@link #ofFfn}
 * @param needs what is taken beside slots
 * @param spillBytes places for the bundles of one layer that find no slot
 * @param slots bundles that fit in what is left
 * @param slotBytes what one slot is charged
 * @param allBundles bundles of the whole model
 */
public record MemoryPlan(
    long budgetBytes, MemoryNeeds needs, long spillBytes, int slots,
    long slotBytes, int allBundles) {
  private static final long MIB = 1L << 20;

  // Slots may end in a huge page that is taken whole.
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
   * Splits a budget for the whole process, before anything large is loaded: for one that takes a prompt first and single
   * tokens after it.
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
    long floor = leastBytes(store, needs);
    if (ramBytes < floor) {
      throw new BadInputException(
          "--ram",
          size(ramBytes) + " are less than the " + size(floor)
              + " that this model needs before any "
              + "FFN weight is kept",
          "give at least --ram " + Math.ceilDiv(floor, MIB) + "M");
    }
    return split(store, needs, ramBytes,
        ramBytes - needs.standingBytes() - spillBytes(store, needs) - HUGE_PAGE_BYTES);
  }

  /**
   * The smallest budget, in whole MiB: for a prompt two layers are in memory, for single tokens places for the bundles of one,
   * never both.
   */
  public static long floorBytes(Store store, MemoryNeeds needs) {
    return Math.ceilDiv(leastBytes(store, needs), MIB) * MIB;
  }

  private static long spillBytes(Store store, MemoryNeeds needs) {
    return FfnStream.homesBytes(store.spec(), 0, needs.spillPlaces());
  }

  private static long leastBytes(Store store, MemoryNeeds needs) {
    long spill = spillBytes(store, needs);
    return needs.standingBytes() + Math.max(needs.layerBufferBytes(), spill + HUGE_PAGE_BYTES);
  }

  private static MemoryPlan split(Store store, MemoryNeeds needs, long budget, long left) {
    int all = Math.multiplyExact(store.spec().layers(), store.spec().feedForward());
    long slot = FfnStream.slotBytes(store);
    // The huge page that slots end in is theirs as a whole.
    long fit = Math.max(0, left) / slot;
    return new MemoryPlan(budget, needs, spillBytes(store, needs),
        (int) Math.min(all, fit), slot, all);
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
