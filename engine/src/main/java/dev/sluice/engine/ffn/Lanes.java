package dev.sluice.engine.ffn;

import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.store.CheckedReader;
import dev.sluice.storage.store.FfnLayout;
import dev.sluice.storage.store.FfnLayout.Part;
import dev.sluice.storage.store.PageChecksums;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Staging memory in parts, each with a batch of reads of its own, so that the device has the next batch while the one before is
 * verified and computed. Thread-safe; owns its readers.
 */
final class Lanes implements AutoCloseable {
  /** So many batches at once. */
  static final int COUNT = 4;

  /**
   * Requests of one batch. With {@link #COUNT} lanes as many as a Linux block device's queue usually takes (nr_requests, 256): asking
   * for more blocks, and what a reader cannot have in flight at once (io_uring 128) would queue behind the next layer's.
   */
  static final int MOST_REQUESTS = 64;

  private static final int PAGE = PageChecksums.PAGE_BYTES;

  private final List<Lane> all = new ArrayList<>();
  private final Lane[] free = new Lane[COUNT];
  private int freeCount;
  private long repeatsReported;

  /**
   * @param readers opens readers on the store's FFN file
   * @param stagingBytes for all lanes together
   * @param arena owns the staging memory; must outlive this
   */
  Lanes(FfnLayout layout, Supplier<CheckedReader> readers, long stagingBytes, Arena arena) {
    long bytes = Math.max(stagingBytes / COUNT / PAGE * PAGE, widestRead(layout));
    MemorySegment staging = AnonymousMemory.map(COUNT * bytes, arena);
    try {
      for (int i = 0; i < COUNT; i++) {
        all.add(new Lane(readers.get(), staging.asSlice(i * bytes, bytes)));
        release(all.get(i));
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private static long widestRead(FfnLayout layout) {
    long widest = 0;
    for (List<Part> parts : layout.layers()) {
      for (Part part : parts) {
        widest = Math.max(widest, part.strideBytes());
      }
    }
    return (widest / PAGE + 2) * PAGE;
  }

  /** A lane that nobody has; null if there is none. */
  synchronized Lane acquire() {
    return freeCount == 0 ? null : free[--freeCount];
  }

  synchronized void release(Lane lane) {
    free[freeCount++] = lane;
  }

  /** Requests that were read again since this was asked last. */
  synchronized long newRepeats() {
    long before = repeatsReported;
    repeatsReported = all.stream().mapToLong(Lane::repeats).sum();
    return repeatsReported - before;
  }

  /** One line about the readers, for a person. */
  String describeReader() {
    return all.getFirst().describeReader();
  }

  /** Drains what is in flight. */
  @Override
  public void close() {
    all.forEach(Lane::close);
  }
}
