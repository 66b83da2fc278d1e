package dev.sluice.engine.ffn;

import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.store.CheckedReader;
import dev.sluice.storage.store.Checking;
import dev.sluice.storage.store.FfnLayout;
import dev.sluice.storage.store.FfnLayout.Part;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.PageChecksums;
import dev.sluice.storage.store.Store;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Streams whole layers, one after another, through two buffers: while a layer is computed the next one is being read.
 * Every page is verified. One thread; owns its reader and its memory until closed.
 */
public final class LayerStream implements AutoCloseable {
  private static final int PAGE_BYTES = PageChecksums.PAGE_BYTES;
  private static final int REQUEST_BYTES = 512 * 1024;

  private final ModelSpec spec;
  private final FfnLayout layout;
  private final CheckedReader reader;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment[] buffers = new MemorySegment[2];
  private final ReadBatch[] batches = new ReadBatch[2];
  private final int[][] positionOf;
  private int inFlight = -1; // layer whose read was started, or -1
  private long waitNanos;

  /** Takes over {@code reader}, which is open on the store's FFN file; closes it if there is not the memory. */
  public LayerStream(Store store, BlockReader reader) {
    this(store, new CheckedReader(store, reader, Checking.EVERY_PAGE));
  }

  /** Takes over {@code reader}, which is of this store; closes it if there is not the memory. */
  public LayerStream(Store store, CheckedReader reader) {
    this.spec = store.spec();
    this.layout = store.ffn();
    this.reader = reader;
    long largest = 0;
    for (List<Part> parts : layout.layers()) {
      long bytes = 0;
      for (Part part : parts) {
        bytes += spanBytes(part);
      }
      largest = Math.max(largest, bytes);
    }
    try {
      for (int i = 0; i < buffers.length; i++) {
        buffers[i] = AnonymousMemory.map(largest, arena);
        batches[i] = new ReadBatch(buffers[i]);
      }
      positionOf = new int[spec.layers()][];
      for (int layer = 0; layer < positionOf.length; layer++) {
        positionOf[layer] = inverse(store.order(layer));
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** RAM that the two buffers take. */
  public static long bufferBytes(Store store) {
    long largest = 0;
    for (List<Part> parts : store.ffn().layers()) {
      long bytes = 0;
      for (Part part : parts) {
        bytes += spanBytes(part, store.spec());
      }
      largest = Math.max(largest, bytes);
    }
    return 2 * AnonymousMemory.residentBytes(largest);
  }

  /** Neuron -> position from position -> neuron. */
  static int[] inverse(int[] order) {
    int[] positions = new int[order.length];
    for (int position = 0; position < order.length; position++) {
      positions[order[position]] = position;
    }
    return positions;
  }

  /** Bytes read so far. */
  public long bytesRead() {
    return reader.counters().bytes();
  }

  /**
   * Time so far that {@link #load} spent in its reader's {@code next}: until a layer's bytes had come, and again those that were
   * wrong. Checking them is not in it. Of a reader that reads only when asked it is all of the reading.
   */
  public long waitNanos() {
    return waitNanos;
  }

  /** Requests that were read again so far. */
  public long repeats() {
    return reader.repeats();
  }

  /**
   * The weights of {@code layer}; valid until the next call. Starts reading {@code nextLayer} (none when −1).
   *
   * @throws dev.sluice.storage.FaultException if a read fails or a page does not match its checksum
   */
  public LayerWeights load(int layer, int nextLayer) {
    if (inFlight != layer) {
      reader.drain();
      start(layer);
    }
    inFlight = -1; // a read that fails below is started again by the next load
    int half = layer & 1;
    for (int i = await(); i >= 0; i = await()) {
      reader.check(i); // what is not right comes again
    }
    if (nextLayer >= 0 && (nextLayer & 1) != half) {
      start(nextLayer);
    }
    List<Part> parts = layout.layers().get(layer);
    long[] bases = new long[parts.size()];
    long at = 0;
    for (int k = 0; k < bases.length; k++) {
      bases[k] = at + parts.get(k).baseOffsetBytes() % PAGE_BYTES;
      at += spanBytes(parts.get(k));
    }
    return new LayerWeights(spec, layer, buffers[half], parts, bases, positionOf[layer]);
  }

  private int await() {
    long asked = System.nanoTime();
    try {
      return reader.next();
    } finally {
      waitNanos += System.nanoTime() - asked;
    }
  }

  private void start(int layer) {
    ReadBatch batch = batches[layer & 1];
    batch.clear();
    long at = 0;
    for (Part part : layout.layers().get(layer)) {
      long from = part.baseOffsetBytes() / PAGE_BYTES * PAGE_BYTES;
      long span = spanBytes(part);
      for (long done = 0; done < span; done += REQUEST_BYTES) {
        batch.add(from + done, (int) Math.min(REQUEST_BYTES, span - done), at + done);
      }
      at += span;
    }
    reader.start(batch);
    inFlight = layer;
  }

  /** Whole pages that cover a part of every bundle of a layer. */
  private long spanBytes(Part part) {
    return spanBytes(part, spec);
  }

  private static long spanBytes(Part part, ModelSpec spec) {
    long from = part.baseOffsetBytes() / PAGE_BYTES * PAGE_BYTES;
    long to = part.baseOffsetBytes() + (long) spec.feedForward() * part.strideBytes();
    return (to - from + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  }

  @Override
  public void close() {
    reader.close();
    arena.close();
  }
}
