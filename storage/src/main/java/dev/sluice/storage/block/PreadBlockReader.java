package dev.sluice.storage.block;

import dev.sluice.storage.posix.Errno;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * Reads with {@code pread} on platform threads, direct where the file system allows it: the backend
 * that works everywhere. Or with {@code FileChannel}, to compare. As many reads are in flight as there are threads (16 unless told
 * otherwise); they are daemon threads with small stacks, and they live until close.
 *
 * <p>Workers claim requests from one word that holds both the next index and the batch's size, so a
 * late worker can never claim from a batch that is over with the size of the one before. Completed
 * indices go through a ring of slots that the consumer empties; nothing allocates and nothing is
 * locked.
 */
final class PreadBlockReader implements BlockReader {
  static final int DEFAULT_THREADS = 16;

  private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(int[].class);
  private static final int EMPTY = -1;
  private static final long WORKER_STACK_BYTES = 256 << 10;

  private final String backend;
  private final SourceFile file;
  private final PositionedRead calls;
  private final ReadProgress progress;
  private final IoCounters counters = new IoCounters();
  private final Thread[] workers;
  private final String note;

  /** Next unclaimed index in the upper half, number of requests in the lower. */
  private final AtomicLong claims = new AtomicLong();

  private final AtomicInteger published = new AtomicInteger();
  private int[] completed = new int[0];
  private volatile Thread consumer;
  private volatile boolean stopping;
  private ReadBatch batch;
  private int returned;
  private boolean closed;

  private PreadBlockReader(
      String backend, SourceFile file, PositionedRead calls, int threads, String note) {
    this.backend = backend;
    this.file = file;
    this.calls = calls;
    this.note = note;
    this.progress = new ReadProgress(file);
    this.workers = new Thread[threads];
    for (int i = 0; i < threads; i++) {
      workers[i] =
          Thread.ofPlatform()
              .name("sluice-" + backend + "-" + i)
              .daemon()
              .stackSize(WORKER_STACK_BYTES)
              .unstarted(this::work);
    }
  }

  /**
   * @param note what a user should know about the choice of this backend, for {@link #describe};
   *     may be empty
   */
  static PreadBlockReader open(Path path, int threads, String note) {
    SourceFile file = SourceFile.open(path, SourceFile.Opening.DIRECT_IF_POSSIBLE);
    return started(
        new PreadBlockReader("pread", file, new LibcRead(file.fd()), threads, note));
  }

  /** Through {@code FileChannel} instead, with the same threads and rules. */
  static PreadBlockReader openChannel(Path path, int threads) {
    SourceFile file = SourceFile.open(path, SourceFile.Opening.DIRECT_IF_POSSIBLE);
    try {
      SourceFile aligned = file.alignedTo(ChannelRead.alignmentBytes(file));
      return started(new PreadBlockReader("channel", aligned, ChannelRead.open(aligned), threads,
          ""));
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private static PreadBlockReader started(PreadBlockReader reader) {
    for (Thread worker : reader.workers) {
      worker.start();
    }
    return reader;
  }

  @Override
  public String backend() {
    return backend;
  }

  @Override
  public Access access() {
    return file.access();
  }

  @Override
  public int alignmentBytes() {
    return file.alignmentBytes();
  }

  @Override
  public long sizeBytes() {
    return file.sizeBytes();
  }

  @Override
  public String describe() {
    return backend + " on " + workers.length + " threads, " + file.describe() + note;
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
    file.check(next);
    next.hold();
    int size = next.size();
    if (size > completed.length) {
      completed = new int[Math.max(size, completed.length * 2)];
    }
    Arrays.fill(completed, 0, size, EMPTY);
    progress.reset(next);
    published.set(0);
    returned = 0;
    batch = next;
    if (size == 0) {
      finish();
      return;
    }
    // Publishes everything above to the workers.
    claims.set(size);
    for (int i = 0; i < Math.min(size, workers.length); i++) {
      LockSupport.unpark(workers[i]);
    }
  }

  @Override
  public int next() {
    if (batch == null) {
      return -1;
    }
    int index = takeCompleted();
    counters.issued(batch.lengthBytes(index));
    returned++;
    if (progress.isFault(index)) {
      var fault = progress.exception(index);
      drain();
      throw fault;
    }
    if (returned == batch.size()) {
      finish();
    }
    return index;
  }

  @Override
  public void drain() {
    if (batch == null) {
      return;
    }
    long last = claims.getAndUpdate(word -> (word & 0xffffffffL) << 32 | (word & 0xffffffffL));
    int claimed = (int) Math.min(last >>> 32, batch.size());
    while (returned < claimed) {
      counters.issued(batch.lengthBytes(takeCompleted()));
      returned++;
    }
    finish();
  }

  /**
   * Blocks until slot {@code returned} is filled. Interrupts are kept for later: a read cannot be
   * abandoned.
   */
  private int takeCompleted() {
    int index = (int) SLOT.getVolatile(completed, returned);
    if (index != EMPTY) {
      return index;
    }
    long began = System.nanoTime();
    boolean interrupted = false;
    consumer = Thread.currentThread();
    while ((index = (int) SLOT.getVolatile(completed, returned)) == EMPTY) {
      LockSupport.park(this);
      interrupted |= Thread.interrupted();
    }
    consumer = null;
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    counters.waited(System.nanoTime() - began);
    return index;
  }

  private void finish() {
    batch.release();
    batch = null;
  }

  private void work() {
    while (!stopping) {
      long word = claims.get();
      int index = (int) (word >>> 32);
      if (index >= (int) word) {
        LockSupport.park(this);
        // An interrupt would turn the wait into a spin; nobody but the JVM's shutdown has reason to
        // send one.
        Thread.interrupted();
      } else if (claims.compareAndSet(word, word + (1L << 32))) {
        read(index);
      }
    }
  }

  private void read(int index) {
    try {
      long result;
      do {
        result =
            calls.read(
                progress.targetAddress(index),
                progress.lengthBytes(index),
                progress.fileOffsetBytes(index));
      } while (progress.advance(index, result) == ReadProgress.Verdict.AGAIN);
    } catch (OutOfMemoryError e) {
      // A worker's first call allocates a little. The consumer must hear of it, not wait for ever.
      progress.advance(index, -Errno.ENOMEM);
    }
    SLOT.setVolatile(completed, published.getAndIncrement(), index);
    Thread waiting = consumer;
    if (waiting != null) {
      LockSupport.unpark(waiting);
    }
  }

  /** For a test that close ends them. */
  Stream<Thread> workers() {
    return Arrays.stream(workers);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    drain();
    closed = true;
    stopping = true;
    boolean interrupted = false;
    for (Thread worker : workers) {
      LockSupport.unpark(worker);
    }
    for (Thread worker : workers) {
      while (worker.isAlive()) {
        try {
          worker.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    calls.close();
    file.close();
  }
}
