package dev.sluice.storage.block;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.Errno;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;

/**
 * A reader of bytes in memory that fails as disks fail, by the roll of a seeded die: for tests of
 * what stands above it. Without faults it keeps the whole contract of {@link BlockReader}.
 * Completions come in shuffled order.
 */
public final class FaultyBlockReader implements BlockReader {
  private static final int SECTOR_BYTES = 512;

  /** How a disk can fail one request. */
  public enum Fault {
    /** FaultException: input/output error. */
    EIO,
    /** The first half arrives, then a FaultException: the file is shorter. */
    SHORT_READ,
    /** The bytes of another page, without a word. */
    MISDIRECTED,
    /** One bit is wrong, without a word. */
    FLIPPED_BIT,
    /** Only the first sectors arrive; the rest of the target stays as it was, without a word. */
    TORN,
    /**
     * Right, but after all others of the batch, and not before the gate of {@link #stallUntil}
     * opens.
     */
    STALLED
  }

  /** What was done to which request. */
  public record Injection(Fault fault, long fileOffsetBytes, int lengthBytes) {}

  private final String name;
  private final MemorySegment content;
  private final int alignmentBytes;
  private final SplittableRandom random;
  private final Map<Fault, Double> probabilities = new EnumMap<>(Fault.class);
  private final List<Injection> injections = new ArrayList<>();
  private final IoCounters counters = new IoCounters();
  private CountDownLatch gate = new CountDownLatch(0);
  private ReadBatch batch;
  private int[] order = new int[0];
  private int firstStalled;
  private int returned;
  private boolean closed;

  /**
   * @param name stands for the file in messages
   * @param alignmentBytes a power of two; more than 1 makes this look like a direct reader
   */
  public FaultyBlockReader(String name, byte[] content, int alignmentBytes, long seed) {
    this.name = name;
    this.content = MemorySegment.ofArray(content).asReadOnly();
    this.alignmentBytes = alignmentBytes;
    this.random = new SplittableRandom(seed);
  }

  /**
   * From now on each request suffers {@code fault} with this probability; at most one fault hits a
   * request.
   */
  public FaultyBlockReader inject(Fault fault, double probability) {
    probabilities.put(fault, probability);
    return this;
  }

  /** Stalled requests wait for this. */
  public FaultyBlockReader stallUntil(CountDownLatch opened) {
    gate = opened;
    return this;
  }

  /** Everything injected so far, in order of completion. */
  public List<Injection> injections() {
    return List.copyOf(injections);
  }

  @Override
  public String backend() {
    return "faulty";
  }

  @Override
  public Access access() {
    return alignmentBytes > 1 ? Access.DIRECT : Access.BUFFERED;
  }

  @Override
  public int alignmentBytes() {
    return alignmentBytes;
  }

  @Override
  public long sizeBytes() {
    return content.byteSize();
  }

  @Override
  public String describe() {
    return "memory with faults " + probabilities;
  }

  @Override
  public IoCounters counters() {
    return counters;
  }

  @Override
  public void prepare(MemorySegment memory) {
    // any memory is as good
  }

  @Override
  public void start(ReadBatch next) {
    if (closed || batch != null) {
      throw new IllegalStateException(closed ? "the reader is closed" : "a batch is in flight");
    }
    SourceFile.check(name, content.byteSize(), alignmentBytes, next);
    next.hold();
    batch = next;
    returned = 0;
    int size = next.size();
    order = new int[size];
    firstStalled = size;
    for (int i = 0; i < size; i++) {
      counters.issued(next.lengthBytes(i));
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    for (int i = 0; i < firstStalled; i++) {
      if (random.nextDouble() < probabilities.getOrDefault(Fault.STALLED, 0.0)) {
        firstStalled--;
        int stalled = order[i];
        order[i] = order[firstStalled];
        order[firstStalled] = stalled;
        injected(Fault.STALLED, stalled);
      }
    }
    if (size == 0) {
      drain();
    }
  }

  @Override
  public int next() {
    if (batch == null) {
      return -1;
    }
    int index = order[returned];
    if (returned >= firstStalled) {
      awaitGate();
      deliver(index, batch.fileOffsetBytes(index), expected(index));
    } else {
      complete(index);
    }
    if (++returned == batch.size()) {
      drain();
    }
    return index;
  }

  private void complete(int index) {
    long offset = batch.fileOffsetBytes(index);
    int bytes = expected(index);
    Fault fault = roll();
    if (fault == null) {
      deliver(index, offset, bytes);
      return;
    }
    injected(fault, index);
    switch (fault) {
      case EIO -> throw failed(offset, "reading failed: " + Errno.text(Errno.EIO));
      case SHORT_READ -> {
        deliver(index, offset, bytes / 2);
        throw failed(offset, "file is shorter than it was when opened");
      }
      case MISDIRECTED -> deliver(index, elsewhere(offset, bytes), bytes);
      case FLIPPED_BIT -> {
        deliver(index, offset, bytes);
        long at = batch.targetOffsetBytes(index) + random.nextInt(bytes);
        byte was = batch.target().get(JAVA_BYTE, at);
        int bit = 1 << random.nextInt(8);
        batch.target().set(JAVA_BYTE, at, (byte) (was ^ bit));
      }
      case TORN -> deliver(index, offset, tornBytes(bytes));
      case STALLED -> throw new IllegalStateException("stalls are rolled at start");
    }
  }

  private Fault roll() {
    for (Fault fault : Fault.values()) {
      if (fault != Fault.STALLED
          && random.nextDouble() < probabilities.getOrDefault(fault, 0.0)) {
        return fault;
      }
    }
    return null;
  }

  /**
   * A page-aligned place that is not {@code offset} and has {@code bytes} bytes; the same place in
   * a tiny file.
   */
  private long elsewhere(long offset, int bytes) {
    long places = (content.byteSize() - bytes) / SourceFile.PAGE_BYTES + 1;
    long place = random.nextLong(places) * SourceFile.PAGE_BYTES;
    if (place == offset) {
      place = place == 0 ? (places - 1) * SourceFile.PAGE_BYTES : 0;
    }
    return place;
  }

  private int tornBytes(int bytes) {
    return bytes <= SECTOR_BYTES
        ? bytes / 2
        : SECTOR_BYTES * random.nextInt(Math.ceilDiv(bytes, SECTOR_BYTES));
  }

  private int expected(int index) {
    return (int) Math.min(batch.lengthBytes(index),
        content.byteSize() - batch.fileOffsetBytes(index));
  }

  private void deliver(int index, long offset, int bytes) {
    MemorySegment.copy(content, offset, batch.target(), batch.targetOffsetBytes(index), bytes);
  }

  private void injected(Fault fault, int index) {
    injections.add(
        new Injection(fault, batch.fileOffsetBytes(index), batch.lengthBytes(index)));
  }

  private FaultException failed(long offset, String cause) {
    drain();
    return new FaultException(name + " at byte " + offset, cause, "injected by a test");
  }

  private void awaitGate() {
    long began = System.nanoTime();
    boolean interrupted = false;
    while (true) {
      try {
        gate.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    counters.waited(System.nanoTime() - began);
  }

  @Override
  public void drain() {
    if (batch != null) {
      batch.release();
      batch = null;
    }
  }

  @Override
  public void close() {
    drain();
    closed = true;
  }
}
