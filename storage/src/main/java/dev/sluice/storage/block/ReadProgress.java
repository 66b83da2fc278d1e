package dev.sluice.storage.block;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.Errno;
import java.util.Arrays;

/**
 * What each request of a batch has received so far, and what a result of the kernel means for it.
 * Distinct requests may be advanced by distinct threads; whoever hands over a request (or the whole
 * batch) provides the happens-before edge.
 */
final class ReadProgress {
  enum Verdict {
    COMPLETE,
    /** Ask again for what is missing: from {@link #fileOffsetBytes} on. */
    AGAIN,
    FAULT
  }

  /**
   * Fruitless answers (see {@link #isFruitless}) in a row after which a request counts as failed.
   */
  private static final int MAX_FRUITLESS = 64;

  /** In place of an errno: the file ended before the request did. */
  private static final int SHORTER = -1;

  private final SourceFile file;
  private ReadBatch batch;
  private int[] doneBytes = new int[128];
  private int[] fruitless = new int[128];
  private int[] faults = new int[128];

  ReadProgress(SourceFile file) {
    this.file = file;
  }

  void reset(ReadBatch next) {
    int size = next.size();
    if (size > doneBytes.length) {
      int capacity = Math.max(size, doneBytes.length * 2);
      doneBytes = new int[capacity];
      fruitless = new int[capacity];
      faults = new int[capacity];
    } else {
      Arrays.fill(doneBytes, 0, size, 0);
      Arrays.fill(fruitless, 0, size, 0);
      Arrays.fill(faults, 0, size, 0);
    }
    batch = next;
  }

  /**
   * @param result bytes read, or −errno
   */
  Verdict advance(int i, long result) {
    if (isFruitless(result)) {
      return ++fruitless[i] < MAX_FRUITLESS ? Verdict.AGAIN : fault(i, (int) -result);
    }
    if (result < 0) {
      return fault(i, (int) -result);
    }
    int expected = file.expectedBytes(batch.fileOffsetBytes(i), batch.lengthBytes(i));
    long reached = doneBytes[i] + result;
    if (reached >= expected) {
      doneBytes[i] = expected;
      return Verdict.COMPLETE;
    }
    // The remainder must be aligned too, so a part of a block is asked for again. No progress: the
    // file ends here.
    int aligned = (int) (reached & -file.alignmentBytes());
    if (aligned == doneBytes[i]) {
      return fault(i, SHORTER);
    }
    doneBytes[i] = aligned;
    fruitless[i] = 0;
    return Verdict.AGAIN;
  }

  /**
   * Nothing is wrong with the request: a signal, no memory for it just now, or (io_uring) the
   * thread that submitted it has ended.
   */
  private static boolean isFruitless(long result) {
    return result == -Errno.EINTR || result == -Errno.EAGAIN || result == -Errno.ECANCELED;
  }

  long fileOffsetBytes(int i) {
    return batch.fileOffsetBytes(i) + doneBytes[i];
  }

  int lengthBytes(int i) {
    return batch.lengthBytes(i) - doneBytes[i];
  }

  long targetAddress(int i) {
    return batch.targetAddress(i) + doneBytes[i];
  }

  /**
   * True once the kernel has given a fruitless answer: then a blocking read is the better way to
   * ask.
   */
  boolean wasRefused(int i) {
    return fruitless[i] > 0;
  }

  boolean isFault(int i) {
    return faults[i] != 0;
  }

  /** The exception for a request whose verdict was FAULT. */
  FaultException exception(int i) {
    long offset = batch.fileOffsetBytes(i);
    int length = batch.lengthBytes(i);
    return faults[i] == SHORTER
        ? file.shorter(offset, length)
        : file.failed(offset, length, Errno.text(faults[i]));
  }

  private Verdict fault(int i, int errno) {
    faults[i] = errno;
    return Verdict.FAULT;
  }
}
