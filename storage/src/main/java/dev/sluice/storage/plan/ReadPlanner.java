package dev.sluice.storage.plan;

import dev.sluice.storage.block.ReadBatch;
import java.util.Arrays;

/**
 * Plans requests for wanted ranges: rounds them to whole pages (the unit of checksums) and, when merging, joins neighbours
 * over gaps, since below a certain gap a device reads the bytes between sooner than it serves another request. With {@link
 * Limits#of} a plan never costs more than the unmerged one, by the model.
 * Reusable; not thread-safe; no allocation after it has seen its largest plan.
 */
public final class ReadPlanner {

  /**
   * How to merge.
   *
   * @param pageBytes requests begin and end on multiples of this
   * @param gapBytes two ranges whose pages are this far apart or less become one request; −1: only ranges that share a
   *     page, which would otherwise be read twice
   * @param maxRequestBytes merging stops here; a single range may be larger
   */
  public record Limits(int pageBytes, int gapBytes, int maxRequestBytes) {
    private static final int MOST_GAP_BYTES = 128 << 10;
    private static final int MOST_REQUEST_BYTES = 512 << 10;
    private static final int LEAST_REQUEST_BYTES = 128 << 10;

    /** Of the largest request's time, t₀ takes this. */
    private static final double REQUEST_SHARE = 1.0 / 16;

    public Limits {
      if (Integer.bitCount(pageBytes) != 1 || gapBytes < -1 || maxRequestBytes < pageBytes) {
        throw new IllegalArgumentException("impossible request limits");
      }
    }

    /**
     * Limits by which no plan costs more than an unmerged one under {@code model}: a gap is read over only where its bytes
     * take no longer than a request would. Requests end where t₀ is a small part of their time: larger ones would save
     * little, and keep fewer of them in flight.
     *
     * @param pageBytes as above
     */
    public static Limits of(DeviceModel model, int pageBytes) {
      double worth = model.requestMicros() * model.bytesPerSecond() / 1e6;
      long gap = (long) Math.min(worth, MOST_GAP_BYTES) / pageBytes * pageBytes;
      long most = (long) Math.min(worth / REQUEST_SHARE, MOST_REQUEST_BYTES) / pageBytes
          * pageBytes;
      return new Limits(pageBytes, (int) gap,
          (int) Math.max(most, Math.max(pageBytes, LEAST_REQUEST_BYTES)));
    }

    /** The same without gaps: only ranges that share a page are read together. */
    public Limits unmerged() {
      return new Limits(pageBytes, -1, maxRequestBytes);
    }
  }

  private final Limits limits;
  private long[] offsets = new long[64];
  private int[] lengths = new int[64];
  private int[] requestOf = new int[64];
  private int size;
  private int planned;
  private long unitTo;

  public ReadPlanner(Limits limits) {
    this.limits = limits;
  }

  /** Forgets all ranges. */
  public void clear() {
    size = 0;
    planned = 0;
  }

  /** Wants {@code lengthBytes} at {@code offsetBytes}; offsets must not descend from call to call. Returns its index. */
  public int want(long offsetBytes, int lengthBytes) {
    if (size > 0 && offsetBytes < offsets[size - 1]) {
      throw new IllegalArgumentException("ranges must be wanted in ascending order");
    }
    if (size == offsets.length) {
      offsets = Arrays.copyOf(offsets, 2 * size);
      lengths = Arrays.copyOf(lengths, 2 * size);
      requestOf = Arrays.copyOf(requestOf, 2 * size);
    }
    offsets[size] = offsetBytes;
    lengths[size] = lengthBytes;
    return size++;
  }

  /** Ranges wanted. */
  public int size() {
    return size;
  }

  /** Ranges that batches have taken so far: 0 .. planned − 1. */
  public int planned() {
    return planned;
  }

  /**
   * Fills {@code batch} with requests for the next ranges, as many as its target holds; false when none are left.
   *
   * @throws IllegalArgumentException if the target cannot hold even one range
   */
  public boolean fill(ReadBatch batch) {
    return fill(batch, Integer.MAX_VALUE);
  }

  /**
   * The same with no more than so many requests.
   *
   * @param mostRequests at least 1
   */
  public boolean fill(ReadBatch batch, int mostRequests) {
    batch.clear();
    if (planned == size) {
      return false;
    }
    long room = batch.target().byteSize();
    long at = 0;
    while (planned < size && batch.size() < mostRequests) {
      long from = down(offsets[planned]);
      int first = planned;
      planned = unitEnd(first);
      long to = unitTo;
      if (at + to - from > room) {
        planned = first;
        to = from;
        while (planned < size && at + reach(to, planned) - from <= room) {
          to = reach(to, planned++);
        }
        if (planned == first) {
          break;
        }
      }
      while (planned < size) {
        int next = unitEnd(planned);
        long reached = Math.max(to, unitTo);
        if (down(offsets[planned]) - to > limits.gapBytes
            || reached - from > limits.maxRequestBytes
            || at + reached - from > room) {
          break;
        }
        to = reached;
        planned = next;
      }
      int request = batch.add(from, (int) (to - from), at);
      for (int i = first; i < planned; i++) {
        requestOf[i] = request;
      }
      at += to - from;
    }
    if (batch.size() == 0) {
      throw new IllegalArgumentException(
          "a staging buffer of " + room + " bytes cannot hold a range of " + lengths[planned]
              + " bytes");
    }
    return true;
  }

  /**
   * The end of the unit that begins with a range: ranges of which each shares a page with those before, as far as a request may
   * reach. Units are what an unmerged plan reads by one request; joining none but whole ones over gaps is what keeps a merged
   * plan from ever costing more. Leaves where it ends in {@code unitTo}.
   */
  private int unitEnd(int first) {
    long from = down(offsets[first]);
    unitTo = reach(from, first);
    int next = first + 1;
    while (next < size && down(offsets[next]) < unitTo
        && reach(unitTo, next) - from <= limits.maxRequestBytes) {
      unitTo = reach(unitTo, next++);
    }
    return next;
  }

  /** The end of range {@code i}'s last page, or {@code to} if that is further. */
  private long reach(long to, int i) {
    return Math.max(to, up(offsets[i] + lengths[i]));
  }

  /** The request of the current batch that reads range {@code i}. */
  public int requestOf(int i) {
    return requestOf[i];
  }

  /** Where range {@code i} lies in the current batch's target. */
  public long targetOffsetBytes(ReadBatch batch, int i) {
    int request = requestOf[i];
    return batch.targetOffsetBytes(request) + offsets[i] - batch.fileOffsetBytes(request);
  }

  private long down(long offset) {
    return offset & -(long) limits.pageBytes;
  }

  private long up(long offset) {
    return down(offset + limits.pageBytes - 1);
  }
}
