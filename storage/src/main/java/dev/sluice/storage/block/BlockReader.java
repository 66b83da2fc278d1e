package dev.sluice.storage.block;

import java.lang.foreign.MemorySegment;

/**
 * Reads batches of requests from one file.
 *
 * <p><b>Use:</b> fill a {@link ReadBatch}, {@link #start} it, then call {@link #next} until it
 * returns −1; each call hands out one request whose bytes are now in the batch's target. Compute on
 * it between calls: the others stay in flight.
 *
 * <p><b>Threads:</b> one thread at a time. A reader may move between threads (with a happens-before
 * edge), also with a batch in flight; two threads may never be inside it together.
 *
 * <p><b>Requests</b> must lie inside the file as it was when opened. The one exception is its end:
 * the file's last 4 KiB page may be read whole even where the file ends within it; such a request
 * completes, and the target's bytes past the end of the file are undefined. With {@link
 * Access#DIRECT}, offset, length and memory address must be multiples of {@link #alignmentBytes}.
 */
public interface BlockReader extends AutoCloseable {
  /** {@code io_uring}, {@code pread} or {@code mmap}. */
  String backend();

  Access access();

  /**
   * Offset, length and memory alignment that requests must have: a power of two; 1 unless access is
   * DIRECT.
   */
  int alignmentBytes();

  /** The file's size when it was opened. */
  long sizeBytes();

  /**
   * One line for a person: backend, access, alignment, and why it is not the better one where it is
   * not.
   */
  String describe();

  /**
   * Says where batches will land, so that the reader may make that memory ready once instead of for each read: io_uring
   * registers it with the kernel. Batches may land elsewhere too. At most once, before the first batch.
   *
   * @param memory native; must stay mapped until the reader is closed, longer than a batch's target need
   */
  void prepare(MemorySegment memory);

  /**
   * Hands over all requests of the batch and returns without waiting for data. The batch and its
   * target belong to the reader until all are done.
   *
   * @throws IllegalArgumentException if a request lies outside the file or is not aligned; nothing
   *     was started
   * @throws IllegalStateException if a batch is in flight, or the reader is closed
   */
  void start(ReadBatch batch);

  /**
   * Waits for a request to complete and returns its index in the batch: each index exactly once, in
   * any order; −1 when all of the batch have been handed out, or none was started.
   *
   * @throws dev.sluice.storage.FaultException if a read failed or the file became shorter: names
   *     file, offset and the system's text. By then everything in flight has been drained, and the
   *     reader can start another batch
   */
  int next();

  /**
   * Gives up the batch: returns when nothing writes into its target any more. Requests that were
   * not handed out are lost. Safe to call at any time, any number of times.
   */
  void drain();

  /** Live and cumulative; to be read by the thread that uses the reader. */
  IoCounters counters();

  /** Drains, then releases everything. A second call does nothing. */
  @Override
  void close();
}
