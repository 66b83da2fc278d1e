package dev.sluice.engine.session;

import dev.sluice.engine.ffn.FfnStream;
import dev.sluice.engine.model.KvCache;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.FfnLayout;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.Store;

/**
 * How a RAM budget is split. Slots are charged at the bundle's width on disk, and a predictor's matrices at the same ratio,
 * so that a padded store is budgeted like the wider model that it stands for.
 *
 * @param denseBytes resident tensors
 * @param keyValueBytes keys and values of the whole context
 * @param streamBytes staging, the spill of one layer, and two layers' buffers for prompts
 * @param runtimeBytes what the JVM itself takes, measured
 * @param predictorBytes the predictor's resident matrices, at the store's padding ratio
 * @param slots bundles that fit in what is left
 * @param slotBytes what one slot is charged
 * @param allBundles bundles of the whole model
 */
public record MemoryPlan(
    long denseBytes, long keyValueBytes, long streamBytes, long runtimeBytes, long predictorBytes,
    int slots,
    long slotBytes, int allBundles) {

  /** Resident set of a JVM that has loaded Sluice and runs a model, without the model's own memory; measured, rounded up. */
  public static final long RUNTIME_BYTES = 224L << 20;

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
  public static MemoryPlan ofFfn(Engine engine, long residentFfnBytes, int context) {
    MemoryPlan fixed = fixed(engine, context);
    long left = residentFfnBytes - fixed.predictorBytes;
    if (left < 0) {
      throw new BadInputException(
          "--ffn-ram",
          "the predictor " + engine.predictor() + " alone takes " + size(fixed.predictorBytes)
              + " and " + size(residentFfnBytes) + " are allowed",
          "give at least --ffn-ram " + ((fixed.predictorBytes >> 10) + 1)
              + "K, or choose a predictor with fewer bits");
    }
    return fixed.withSlots(left);
  }

  /**
   * Splits a budget for the whole process.
   *
   * @throws BadInputException if it is below the floor, with the number that would do
   */
  public static MemoryPlan ofProcess(Engine engine, long ramBytes, int context) {
    MemoryPlan fixed = fixed(engine, context);
    long floor =
        fixed.denseBytes + fixed.keyValueBytes + fixed.streamBytes + fixed.runtimeBytes
            + fixed.predictorBytes;
    if (ramBytes < floor) {
      throw new BadInputException(
          "--ram",
          size(ramBytes) + " are less than the " + size(floor)
              + " that this model needs before any "
              + "FFN weight is kept",
          "give at least --ram " + (floor / (1 << 20) + 1) + "M");
    }
    return fixed.withSlots(ramBytes - floor);
  }

  private static MemoryPlan fixed(Engine engine, int context) {
    Store store = engine.store();
    ModelSpec spec = store.spec();
    FfnLayout layout = store.ffn();
    long width = FfnStream.widthBytes(layout);
    long layer = spec.feedForward() * width;
    long predictor = Math.round(engine.predictorBytes() * ((double) width / spec.bundleBytes()));
    return new MemoryPlan(
        engine.model().denseBytes(),
        KvCache.bytes(spec, context),
        FfnStream.STAGING_BYTES + (long) spec.feedForward() * spec.bundleBytes() + 2 * layer,
        RUNTIME_BYTES,
        predictor,
        0,
        width,
        Math.multiplyExact(spec.layers(), spec.feedForward()));
  }

  private MemoryPlan withSlots(long bytes) {
    long fit = Math.min(allBundles, bytes / slotBytes);
    return new MemoryPlan(
        denseBytes, keyValueBytes, streamBytes, runtimeBytes, predictorBytes, (int) fit, slotBytes,
        allBundles);
  }

  private static String size(long bytes) {
    long unit = bytes < 10 << 20 ? 1 << 10 : 1 << 20;
    return (bytes + unit - 1) / unit + (unit == 1 << 10 ? " KiB" : " MiB");
  }
}
