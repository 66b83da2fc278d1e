package dev.sluice.engine.session;

import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;

/**
 * What a predictor's matrices take: side by side in huge pages if they fill one, for what threads read from front to back comes sooner
 * from those. Immutable.
 *
 * @param storedBytes what the store keeps of the predictor, which is what it takes, to a few bytes
 */
record PredictorMemory(long storedBytes) {
  private static final long HUGE_PAGE_BYTES = 2 << 20;
  private static final long ALIGNMENT_BYTES_A_LAYER = 4 * 64; // no layer has more matrices

  /** @throws dev.sluice.storage.BadInputException if the store has no such predictor */
  static PredictorMemory of(Store store, PredictorChoice choice) {
    long bytes = 0;
    for (String key : store.blobKeys()) {
      if (StoreKeys.isOfPredictor(key, choice.stored())) {
        bytes += store.blobBytes(key).orElseThrow();
      }
    }
    if (bytes == 0) {
      throw choice.missing(store);
    }
    return new PredictorMemory(bytes);
  }

  /** RAM at most; a last huge page may hold little. */
  long residentBytes() {
    return storedBytes < HUGE_PAGE_BYTES ? storedBytes : storedBytes + HUGE_PAGE_BYTES;
  }

  /**
   * Zeroed memory for the matrices of all layers.
   *
   * @throws IndexOutOfBoundsException by the allocator, if what is stored holds more than it has bytes
   */
  SegmentAllocator allocator(int layers, Arena arena) {
    if (storedBytes < HUGE_PAGE_BYTES) {
      return arena;
    }
    return SegmentAllocator.slicingAllocator(
        AnonymousMemory.map(storedBytes + layers * ALIGNMENT_BYTES_A_LAYER, arena));
  }
}
