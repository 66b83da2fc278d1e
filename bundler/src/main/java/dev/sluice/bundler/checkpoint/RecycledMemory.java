package dev.sluice.bundler.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;

/**
 * Memory for one layer after another: the n-th request since {@link #reset} gets what the n-th one had before, if that is
 * large enough. For the system's zeroed pages cost more than reading into them. Content is undefined. Used by one thread
 * at a time; closed by any.
 */
public final class RecycledMemory implements SegmentAllocator, AutoCloseable {
  /** One request's memory, which may be replaced by a larger one. */
  private record Block(Arena arena, MemorySegment memory) {}

  private final List<Block> blocks = new ArrayList<>();
  private int next;

  @Override
  public MemorySegment allocate(long bytes, long alignmentBytes) {
    int index = next++;
    if (index == blocks.size()) {
      blocks.add(fresh(bytes, alignmentBytes));
    } else {
      Block kept = blocks.get(index);
      if (kept.memory().byteSize() < bytes
          || kept.memory().address() % alignmentBytes != 0) {
        kept.arena().close();
        blocks.set(index, new Block(kept.arena(), MemorySegment.NULL)); // should there be no memory
        blocks.set(index, fresh(bytes, alignmentBytes));
      }
    }
    return blocks.get(index).memory().asSlice(0, bytes);
  }

  private static Block fresh(long bytes, long alignmentBytes) {
    Arena arena = Arena.ofShared();
    try {
      return new Block(arena, arena.allocate(bytes, alignmentBytes));
    } catch (Throwable e) {
      arena.close();
      throw e;
    }
  }

  /** What was handed out may be handed out again. */
  public void reset() {
    next = 0;
  }

  @Override
  public void close() {
    for (Block block : blocks) {
      if (block.arena().scope().isAlive()) {
        block.arena().close();
      }
    }
    blocks.clear();
  }
}
