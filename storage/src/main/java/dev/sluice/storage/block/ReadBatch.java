package dev.sluice.storage.block;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;

/**
 * A list of read requests that land in one native memory segment: a struct of arrays, reusable,
 * without allocation once it has grown to its largest size. Not thread-safe. While a reader works
 * on it, it cannot be changed.
 */
public final class ReadBatch {
  private final MemorySegment target;
  private final long targetAddress;
  private long[] fileOffsets = new long[128];
  private long[] targetOffsets = new long[128];
  private int[] lengths = new int[128];
  private int size;
  private boolean inFlight;

  /**
   * @param target native memory into which all requests land; it must stay alive until the reader
   *     is done with the batch
   * @throws IllegalArgumentException if {@code target} is on the heap or read-only
   */
  public ReadBatch(MemorySegment target) {
    if (!target.isNative()) {
      throw new IllegalArgumentException("the target of a batch must be native memory");
    }
    if (target.isReadOnly()) {
      throw new IllegalArgumentException("the target of a batch must be writable");
    }
    this.target = target;
    this.targetAddress = target.address();
  }

  /** Removes all requests. */
  public void clear() {
    checkIdle();
    size = 0;
  }

  public int size() {
    return size;
  }

  /**
   * Adds a request and returns its index. Requests of one batch must not overlap in the target (not
   * checked).
   *
   * @throws IllegalArgumentException if the length is not positive, the file offset negative, or
   *     the range outside the target
   */
  public int add(long fileOffsetBytes, int lengthBytes, long targetOffsetBytes) {
    checkIdle();
    if (lengthBytes <= 0 || fileOffsetBytes < 0) {
      throw new IllegalArgumentException(
          "a request of " + lengthBytes + " bytes at file offset " + fileOffsetBytes);
    }
    if (targetOffsetBytes < 0 || targetOffsetBytes > target.byteSize() - lengthBytes) {
      throw new IllegalArgumentException(
          "a request of "
              + lengthBytes
              + " bytes at target offset "
              + targetOffsetBytes
              + " does not fit the target's "
              + target.byteSize());
    }
    if (size == lengths.length) {
      fileOffsets = Arrays.copyOf(fileOffsets, size * 2);
      targetOffsets = Arrays.copyOf(targetOffsets, size * 2);
      lengths = Arrays.copyOf(lengths, size * 2);
    }
    fileOffsets[size] = fileOffsetBytes;
    lengths[size] = lengthBytes;
    targetOffsets[size] = targetOffsetBytes;
    return size++;
  }

  public long fileOffsetBytes(int i) {
    return fileOffsets[checked(i)];
  }

  public int lengthBytes(int i) {
    return lengths[checked(i)];
  }

  public long targetOffsetBytes(int i) {
    return targetOffsets[checked(i)];
  }

  public MemorySegment target() {
    return target;
  }

  long targetAddress(int i) {
    return targetAddress + targetOffsets[i];
  }

  /** A reader takes the batch over: no change until {@link #release}. */
  void hold() {
    checkIdle();
    inFlight = true;
  }

  void release() {
    inFlight = false;
  }

  private int checked(int i) {
    return Objects.checkIndex(i, size);
  }

  private void checkIdle() {
    if (inFlight) {
      throw new IllegalStateException("the batch is in flight; finish or drain its reader first");
    }
  }
}
