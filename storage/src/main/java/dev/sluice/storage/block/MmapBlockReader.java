package dev.sluice.storage.block;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.Errno;
import dev.sluice.storage.posix.Libc;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * The control: maps the file read-only, tells the kernel not to read ahead (MADV_RANDOM), and
 * copies. Nothing is in flight between calls; {@link #next} copies one request, in order, and waits
 * for its page faults.
 *
 * <p><b>A file that shrinks underneath:</b> its size is asked for before every copy, and a request
 * past it is a FaultException. If it shrinks during the copy, the page fault becomes SIGBUS, which
 * the JVM turns into an InternalError and this class into a FaultException. The limit: code outside
 * the JVM's own copy routines would die of that signal, so the mapping is never handed out.
 */
final class MmapBlockReader implements BlockReader {
  private final SourceFile file;
  private final MemorySegment mapping;
  private final IoCounters counters = new IoCounters();
  private ReadBatch batch;
  private int returned;
  private boolean closed;

  private MmapBlockReader(SourceFile file, MemorySegment mapping) {
    this.file = file;
    this.mapping = mapping;
  }

  static MmapBlockReader open(Path path) {
    SourceFile file = SourceFile.open(path, SourceFile.Opening.BUFFERED);
    try {
      return new MmapBlockReader(file, map(file));
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private static MemorySegment map(SourceFile file) {
    if (file.sizeBytes() == 0) {
      return MemorySegment.NULL;
    }
    long address = Libc.mmap(file.sizeBytes(), Libc.PROT_READ, Libc.MAP_SHARED, file.fd(), 0);
    if (address < 0) {
      throw new BadInputException(
          file.path(), "cannot be mapped: " + Errno.text((int) -address), "use --io pread");
    }
    // Advice only: a kernel that refuses it reads ahead, which changes the speed and not the bytes.
    Libc.madvise(address, file.sizeBytes(), Libc.MADV_RANDOM);
    return MemorySegment.ofAddress(address).reinterpret(file.sizeBytes()).asReadOnly();
  }

  @Override
  public String backend() {
    return "mmap";
  }

  @Override
  public Access access() {
    return Access.MAPPED;
  }

  @Override
  public int alignmentBytes() {
    return 1;
  }

  @Override
  public long sizeBytes() {
    return file.sizeBytes();
  }

  @Override
  public String describe() {
    return "mmap, copied by page faults without read-ahead";
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
    batch = next;
    returned = 0;
    if (next.size() == 0) {
      drain();
    }
  }

  @Override
  public int next() {
    if (batch == null) {
      return -1;
    }
    int index = returned;
    long offset = batch.fileOffsetBytes(index);
    int length = batch.lengthBytes(index);
    int expected = file.expectedBytes(offset, length);
    counters.issued(length);
    long began = System.nanoTime();
    try {
      if (fileSizeNow() < offset + expected) {
        throw file.shorter(offset, length);
      }
      copy(offset, batch.target(), batch.targetOffsetBytes(index), expected);
    } catch (FaultException e) {
      drain();
      throw e;
    }
    counters.waited(System.nanoTime() - began);
    if (++returned == batch.size()) {
      drain();
    }
    return index;
  }

  /**
   * Copies out of the mapping without asking for the file's size first. The JVM delivers the error
   * of a failed page fault at the thread's next safepoint, which can be after the copy; the return
   * from a foreign call is one, and it gives the size that the file has by then.
   */
  void copy(long offset, MemorySegment target, long targetOffset, int bytes) {
    long sizeAfter;
    try {
      MemorySegment.copy(mapping, offset, target, targetOffset, bytes);
      sizeAfter = fileSizeNow();
    } catch (InternalError e) {
      throw fileSizeNow() < offset + bytes
          ? file.shorter(offset, bytes)
          : file.failed(offset, bytes, "the page fault failed (" + e.getMessage() + ")");
    }
    if (sizeAfter < offset + bytes) {
      throw file.shorter(offset, bytes);
    }
  }

  private long fileSizeNow() {
    return Libc.lseek(file.fd(), 0, Libc.SEEK_END);
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
    if (closed) {
      return;
    }
    drain();
    closed = true;
    if (file.sizeBytes() > 0) {
      Libc.munmap(mapping.address(), file.sizeBytes());
    }
    file.close();
  }
}
