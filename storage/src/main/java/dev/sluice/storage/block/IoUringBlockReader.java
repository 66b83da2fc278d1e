package dev.sluice.storage.block;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.Errno;
import dev.sluice.storage.posix.IoUringAbi;
import dev.sluice.storage.posix.SystemCallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Reads through one io_uring (Axboe, "Efficient IO with io_uring", 2019), direct where the file
 * system allows it. Up to 128 reads are in flight; a longer batch refills the ring as reads
 * complete. Memory that {@link #prepare} names is registered with the kernel if RLIMIT_MEMLOCK allows it, of which an
 * ordinary user has 8 MiB; reads then cost less processor time. Without it they work as well.
 *
 * <p>The ring is not bound to the thread that opened it, so a reader may be handed from thread to
 * thread, and be drained and closed by another thread than the one that started its batch.
 */
final class IoUringBlockReader implements BlockReader {
  /** Sizes of the ring and of what may be in flight. */
  record Depth(int entries, int inFlight) {
    static final Depth DEFAULT = new Depth(128, 128);
  }

  /**
   * Entries written are submitted once there are this many, or when there is nothing to do but
   * wait.
   */
  private static final int SUBMIT_CHUNK = 16;

  private static final int MAX_REFUSALS = 1000;
  private static final long REFUSAL_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private final SourceFile file;
  private final Ring ring;
  private final int maxInFlight;
  private final ReadProgress progress;
  private final IoCounters counters = new IoCounters();
  private int[] again = new int[128];
  private int againSize;
  private ReadBatch batch;
  private int pushed;
  private int returned;
  private int inFlight;
  private boolean closed;
  private String buffers = "";

  private IoUringBlockReader(SourceFile file, Ring ring, Depth depth) {
    this.file = file;
    this.ring = ring;
    this.maxInFlight = depth.inFlight();
    this.progress = new ReadProgress(file);
  }

  /**
   * @throws SystemCallException if io_uring does not work here: not in the kernel, forbidden, or a
   *     read through it fails
   */
  static IoUringBlockReader open(Path path, Depth depth) throws SystemCallException {
    SourceFile file = SourceFile.open(path, SourceFile.Opening.DIRECT_IF_POSSIBLE);
    try {
      return new IoUringBlockReader(file, openRing(file, depth), depth);
    } catch (SystemCallException | RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private static Ring openRing(SourceFile file, Depth depth) throws SystemCallException {
    Ring ring;
    try {
      // DEFER_TASKRUN measured no faster, and would tie the reader, its drain and its close to one
      // thread.
      ring = Ring.open(depth.entries(), file.fd(), IoUringAbi.SETUP_COOP_TASKRUN);
    } catch (SystemCallException e) {
      if (e.errno() != Errno.EINVAL) {
        throw e;
      }
      // The flag is an economy, not a need: kernels before 5.19 do not know it.
      ring = Ring.open(depth.entries(), file.fd(), 0);
    }
    try {
      probe(ring, file);
      return ring;
    } catch (SystemCallException | RuntimeException | Error e) {
      ring.close();
      throw e;
    }
  }

  /** One real read: seccomp filters and old kernels let a ring be made that cannot read. */
  private static void probe(Ring ring, SourceFile file) throws SystemCallException {
    if (file.sizeBytes() == 0) {
      return;
    }
    int bytes = Math.max(512, file.alignmentBytes());
    // Shared by design: should waiting fail, the kernel may still write here, so this memory is
    // then never freed.
    Arena arena = Arena.ofShared();
    MemorySegment buffer = arena.allocate(bytes, bytes);
    ring.pushRead(0, buffer.address(), bytes, 0, Ring.Issue.INLINE);
    int result;
    do {
      result = ring.hasCompletion() ? 0 : ring.enter(1);
    } while (result == -Errno.EINTR || (result >= 0 && !ring.hasCompletion()));
    if (result < 0) {
      throw new SystemCallException("io_uring_enter", -result);
    }
    int read = ring.completedResult();
    ring.popCompletion();
    arena.close();
    if (read < 0) {
      throw new SystemCallException("a read through io_uring", -read);
    }
  }

  @Override
  public String backend() {
    return "io_uring";
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
    return "io_uring, " + maxInFlight + " in flight, " + buffers + file.describe();
  }

  @Override
  public IoCounters counters() {
    return counters;
  }

  @Override
  public void prepare(MemorySegment memory) {
    if (!buffers.isEmpty() || counters.requests() > 0) {
      throw new IllegalStateException("memory was prepared, or a batch was started");
    }
    int result = ring.registerBuffer(memory);
    buffers = result >= 0 ? "registered buffers, "
        : "buffers not registered (" + Errno.text(-result) + "), ";
  }

  @Override
  public void start(ReadBatch next) {
    if (closed || batch != null) {
      throw new IllegalStateException(closed ? "the reader is closed" : "a batch is in flight");
    }
    file.check(next);
    next.hold();
    batch = next;
    progress.reset(next);
    if (next.size() > again.length) {
      again = new int[Math.max(next.size(), again.length * 2)];
    }
    againSize = 0;
    pushed = 0;
    returned = 0;
    if (next.size() == 0) {
      finish();
      return;
    }
    refill();
    // A refusal here is no error yet: next() submits again.
    submit();
  }

  @Override
  public int next() {
    int refusals = 0;
    while (batch != null) {
      if (ring.hasCompletion()) {
        int index = take();
        refill();
        if (ring.unsubmitted() >= SUBMIT_CHUNK) {
          submit();
        }
        if (index >= 0) {
          if (++returned == batch.size()) {
            finish();
          }
          return index;
        }
      } else {
        refill();
        int result = awaitOne();
        if (result >= 0 || result == -Errno.EINTR) {
          refusals = 0;
        } else if (isBusy(result) && ++refusals < MAX_REFUSALS) {
          pause();
        } else {
          throw fail(enterFailed(result));
        }
      }
    }
    return -1;
  }

  /**
   * Consumes one completion: the index of a request that is now whole, or −1 if it must be asked
   * again.
   */
  private int take() {
    int index = (int) ring.completedUserData();
    int result = ring.completedResult();
    ring.popCompletion();
    inFlight--;
    return switch (progress.advance(index, result)) {
      case COMPLETE -> index;
      case AGAIN -> {
        again[againSize++] = index;
        yield -1;
      }
      case FAULT -> throw fail(progress.exception(index));
    };
  }

  /**
   * Writes requests into the ring while there is room; submits nothing unless the ring is shorter
   * than the depth.
   */
  private void refill() {
    int size = batch.size();
    while (inFlight < maxInFlight && (againSize > 0 || pushed < size)) {
      if (ring.isFull() && (submit() < 0 || ring.isFull())) {
        return;
      }
      int index;
      if (againSize > 0) {
        index = again[--againSize];
      } else {
        index = pushed++;
        counters.issued(batch.lengthBytes(index));
      }
      ring.pushRead(
          progress.fileOffsetBytes(index),
          progress.targetAddress(index),
          progress.lengthBytes(index),
          index,
          progress.wasRefused(index) ? Ring.Issue.WORKER : Ring.Issue.INLINE);
      inFlight++;
    }
  }

  private int submit() {
    return ring.unsubmitted() == 0 ? 0 : ring.enter(0);
  }

  /** Blocks until there is a completion, as far as one can come. */
  private int awaitOne() {
    long began = System.nanoTime();
    int result = ring.enter(1);
    if (isBusy(result) && inFlight > ring.unsubmitted()) {
      // The kernel takes nothing new, but what it has will complete.
      result = ring.await(1);
    }
    counters.waited(System.nanoTime() - began);
    return result;
  }

  /** EAGAIN: no memory for requests now. EBUSY: completions are held back until we take some. */
  private static boolean isBusy(int result) {
    return result == -Errno.EAGAIN || result == -Errno.EBUSY;
  }

  private static void pause() {
    LockSupport.parkNanos(REFUSAL_PAUSE_NANOS);
  }

  private FaultException fail(FaultException fault) {
    try {
      drain();
    } catch (FaultException second) {
      fault.addSuppressed(second);
    }
    return fault;
  }

  private FaultException enterFailed(int result) {
    return new FaultException(
        file.path(),
        "io_uring_enter failed: " + Errno.text(-result),
        "choose another backend with --io pread");
  }

  @Override
  public void drain() {
    if (batch == null) {
      return;
    }
    inFlight -= ring.takeBack();
    // A read that a disk is working on cannot be called back, so waiting is all that cancelling
    // would do.
    while (inFlight > 0) {
      if (ring.hasCompletion()) {
        ring.popCompletion();
        inFlight--;
        continue;
      }
      int result = ring.await(1);
      if (isBusy(result)) {
        pause();
      } else if (result < 0 && result != -Errno.EINTR) {
        throw enterFailed(result);
      }
    }
    finish();
  }

  private void finish() {
    batch.release();
    batch = null;
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    drain();
    closed = true;
    ring.close();
    file.close();
  }

  /** The same refusal as {@link #open}, for a user who asked for this backend by name. */
  static BadInputException unavailable(Path path, SystemCallException why) {
    return new BadInputException(
        path, "io_uring does not work here: " + why.getMessage(), "use --io pread", why);
  }
}
