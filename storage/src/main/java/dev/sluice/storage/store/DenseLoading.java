package dev.sluice.storage.store;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;

/**
 * The reading of resident tensors, in pieces that do not depend on each other: giving fresh memory its pages takes a processor longer
 * than the device takes to fill them, so it is worth more than one thread. Different pieces may be read at once.
 */
public final class DenseLoading {
  private static final long PIECE_BYTES = 1L << 22;

  /** Whole pages of the file. */
  private record Piece(long fromBytes, long bytes) {}

  private final MemorySegment memory;
  private final BiConsumer<Long, MemorySegment> reader;
  private final List<Piece> pieces = new ArrayList<>();
  private volatile boolean failed;

  /**
   * @param memory as long as the file
   * @param left names of tensors that are not read
   * @param reader reads and checks the pages from an offset on
   */
  DenseLoading(List<DenseTensor> tensors, Set<String> left, MemorySegment memory,
      BiConsumer<Long, MemorySegment> reader) {
    this.memory = memory;
    this.reader = reader;
    long doneBytes = 0;
    for (DenseTensor tensor : tensors) {
      if (!left.contains(tensor.name())) {
        long from = Math.max(doneBytes, StoreFormat.pageStart(tensor.offsetBytes()));
        doneBytes = StoreFormat.wholePages(tensor.offsetBytes() + tensor.bytes());
        for (long at = from; at < doneBytes; at += PIECE_BYTES) {
          pieces.add(new Piece(at, Math.min(PIECE_BYTES, doneBytes - at)));
        }
      }
    }
  }

  /** Pieces that must be read before the memory holds all. */
  public int pieces() {
    return pieces.size();
  }

  /**
   * Reads a piece and verifies every page of it; does nothing once a piece has failed.
   *
   * @throws dev.sluice.storage.FaultException naming the page that does not match
   */
  public void read(int piece) {
    if (failed) {
      return; // a device that fails may take its time to say so, for each piece
    }
    Piece some = pieces.get(piece);
    try {
      reader.accept(some.fromBytes, memory.asSlice(some.fromBytes, some.bytes));
    } catch (RuntimeException e) {
      failed = true;
      throw e;
    }
  }

  /** Where the tensors are when all pieces were read: tensor t at {@code [t.offsetBytes(), + t.bytes())}. */
  public MemorySegment memory() {
    return memory;
  }
}
