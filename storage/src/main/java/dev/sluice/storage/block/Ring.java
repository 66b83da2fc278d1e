package dev.sluice.storage.block;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.sluice.storage.posix.Errno;
import dev.sluice.storage.posix.IoUringAbi;
import dev.sluice.storage.posix.Libc;
import dev.sluice.storage.posix.SystemCallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * One io_uring with one registered file: the mechanics, without any idea of batches. Confined to
 * one thread at a time.
 *
 * <p>The submission tail and completion head are ours to write (with release), the submission head
 * and completion tail the kernel's (read with acquire): see io_uring(7). Entries are written in
 * place; nothing reaches the kernel before {@link #enter}. Closing the ring does not wait for reads
 * in flight: the owner awaits them first.
 */
final class Ring implements AutoCloseable {
  private static final VarHandle INT = JAVA_INT.varHandle();
  private static final int READ_WRITE = Libc.PROT_READ | Libc.PROT_WRITE;
  private static final int SHARED_POPULATED = Libc.MAP_SHARED | Libc.MAP_POPULATE;
  private static final int BUFFER_SHIFT =
      Long.numberOfTrailingZeros(IoUringAbi.MAX_BUFFER_BYTES);
  private static final int NEEDED_FEATURES =
      IoUringAbi.FEAT_SINGLE_MMAP | IoUringAbi.FEAT_NODROP;

  private final int ringFd;
  private final int fileFd;
  private final FileSlot fileSlot;
  private final int entries;
  private final long ringsBytes;
  private final MemorySegment rings;
  private final MemorySegment sqes;
  private final long sqHead;
  private final long sqTail;
  private final int sqMask;
  private final long cqHead;
  private final long cqTail;
  private final int cqMask;
  private final long cqes;
  private long bufferAddress;
  private long bufferEnd;
  private int tail;
  private int head;

  private enum FileSlot {
    REGISTERED,
    PLAIN
  }

  /** How a submitted read may be run. */
  enum Issue {
    /** Try at once; the kernel finishes it in the background if it would block. */
    INLINE,
    /** Straight to a kernel worker. */
    WORKER
  }

  private Ring(int ringFd, int fileFd, MemorySegment params) throws SystemCallException {
    this.ringFd = ringFd;
    this.fileFd = fileFd;
    entries = params.get(JAVA_INT, IoUringAbi.PARAMS_SQ_ENTRIES);
    int cqEntries = params.get(JAVA_INT, IoUringAbi.PARAMS_CQ_ENTRIES);
    long sqArray = unsigned(params, IoUringAbi.SQ_ARRAY);
    cqes = unsigned(params, IoUringAbi.CQ_CQES);
    sqHead = unsigned(params, IoUringAbi.SQ_HEAD);
    sqTail = unsigned(params, IoUringAbi.SQ_TAIL);
    cqHead = unsigned(params, IoUringAbi.CQ_HEAD);
    cqTail = unsigned(params, IoUringAbi.CQ_TAIL);
    ringsBytes =
        Math.max(sqArray + 4L * entries, cqes + IoUringAbi.CQE_BYTES * cqEntries);
    rings = map(ringsBytes, IoUringAbi.OFF_SQ_RING);
    try {
      sqes = map(IoUringAbi.SQE_BYTES * entries, IoUringAbi.OFF_SQES);
    } catch (SystemCallException e) {
      Libc.munmap(rings.address(), ringsBytes);
      throw e;
    }
    sqMask = rings.get(JAVA_INT, unsigned(params, IoUringAbi.SQ_RING_MASK));
    cqMask = rings.get(JAVA_INT, unsigned(params, IoUringAbi.CQ_RING_MASK));
    for (int i = 0; i < entries; i++) {
      rings.set(JAVA_INT, sqArray + 4L * i, i);
    }
    tail = rings.get(JAVA_INT, sqTail);
    head = rings.get(JAVA_INT, cqHead);
    fileSlot = registerFile();
  }

  /**
   * @param entries requests that can wait for one submission; the completion ring is twice as long
   * @param fileFd the only file that this ring reads
   * @param setupFlags IORING_SETUP flags, tried as given
   */
  static Ring open(int entries, int fileFd, int setupFlags) throws SystemCallException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment params = arena.allocate(IoUringAbi.PARAMS);
      params.set(JAVA_INT, IoUringAbi.PARAMS_FLAGS, setupFlags);
      int fd =
          (int) Libc.syscall(Libc.SYS_IO_URING_SETUP, entries, params.address(), 0, 0, 0, 0);
      if (fd < 0) {
        throw new SystemCallException("io_uring_setup", -fd);
      }
      try {
        int features = params.get(JAVA_INT, IoUringAbi.PARAMS_FEATURES);
        if ((features & NEEDED_FEATURES) != NEEDED_FEATURES) {
          throw new SystemCallException("io_uring_setup on an old kernel", Errno.ENOSYS);
        }
        return new Ring(fd, fileFd, params);
      } catch (SystemCallException | RuntimeException | Error e) {
        Libc.close(fd);
        throw e;
      }
    }
  }

  private MemorySegment map(long bytes, long offset) throws SystemCallException {
    long address = Libc.mmap(bytes, READ_WRITE, SHARED_POPULATED, ringFd, offset);
    if (address < 0) {
      throw new SystemCallException("mmap of the ring", (int) -address);
    }
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  private FileSlot registerFile() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment fds = arena.allocateFrom(JAVA_INT, fileFd);
      long result =
          Libc.syscall(
              Libc.SYS_IO_URING_REGISTER,
              ringFd,
              IoUringAbi.REGISTER_FILES,
              fds.address(),
              1,
              0,
              0);
      // A plain descriptor costs a reference count per read, nothing else.
      return result < 0 ? FileSlot.PLAIN : FileSlot.REGISTERED;
    }
  }

  /**
   * Lets the kernel hold the pages of {@code memory} once and for all instead of for each read into it. They stay held until the
   * ring is closed, so the memory must stay mapped until then: a read into what was mapped there later would land in the old
   * pages.
   *
   * @return 0 or −errno: ENOMEM where RLIMIT_MEMLOCK does not allow it
   */
  int registerBuffer(MemorySegment memory) {
    long bytes = memory.byteSize();
    int count = Math.toIntExact(Math.ceilDiv(bytes, IoUringAbi.MAX_BUFFER_BYTES));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment vectors = arena.allocate(IoUringAbi.IOVEC, count);
      for (int i = 0; i < count; i++) {
        long from = i * IoUringAbi.MAX_BUFFER_BYTES;
        long at = i * IoUringAbi.IOVEC.byteSize();
        vectors.set(JAVA_LONG, at, memory.address() + from);
        vectors.set(JAVA_LONG, at + Long.BYTES,
            Math.min(IoUringAbi.MAX_BUFFER_BYTES, bytes - from));
      }
      int result = (int) Libc.syscall(Libc.SYS_IO_URING_REGISTER, ringFd,
          IoUringAbi.REGISTER_BUFFERS, vectors.address(), count, 0, 0);
      if (result >= 0) {
        bufferAddress = memory.address();
        bufferEnd = bufferAddress + bytes;
      }
      return result;
    }
  }

  /** Entries written and not yet taken by the kernel. */
  int unsubmitted() {
    return tail - (int) INT.getAcquire(rings, sqHead);
  }

  boolean isFull() {
    return unsubmitted() == entries;
  }

  /**
   * Writes one read; the ring must not be full. Fields not set here stay zero, as the mapping
   * began. A read that lies in one registered buffer uses it.
   */
  void pushRead(long fileOffset, long address, int length, long userData, Issue issue) {
    long entry = (tail & sqMask) * IoUringAbi.SQE_BYTES;
    int flags = fileSlot == FileSlot.REGISTERED ? IoUringAbi.SQE_FIXED_FILE : 0;
    if (issue == Issue.WORKER) {
      flags |= IoUringAbi.SQE_ASYNC;
    }
    long first = address - bufferAddress >>> BUFFER_SHIFT;
    boolean registered = address >= bufferAddress && address + length <= bufferEnd
        && address + length - 1 - bufferAddress >>> BUFFER_SHIFT == first;
    sqes.set(JAVA_BYTE, entry + IoUringAbi.SQE_OPCODE,
        registered ? IoUringAbi.OP_READ_FIXED : IoUringAbi.OP_READ);
    sqes.set(JAVA_SHORT, entry + IoUringAbi.SQE_BUF_INDEX, registered ? (short) first : 0);
    sqes.set(JAVA_BYTE, entry + IoUringAbi.SQE_FLAGS, (byte) flags);
    sqes.set(JAVA_INT, entry + IoUringAbi.SQE_FD, fileSlot == FileSlot.REGISTERED ? 0 : fileFd);
    sqes.set(JAVA_LONG, entry + IoUringAbi.SQE_OFF, fileOffset);
    sqes.set(JAVA_LONG, entry + IoUringAbi.SQE_ADDR, address);
    sqes.set(JAVA_INT, entry + IoUringAbi.SQE_LEN, length);
    sqes.set(JAVA_LONG, entry + IoUringAbi.SQE_USER_DATA, userData);
    tail++;
    INT.setRelease(rings, sqTail, tail);
  }

  /**
   * Takes back what the kernel has not seen (it looks only inside {@link #enter}) and returns how
   * many that were.
   */
  int takeBack() {
    int count = unsubmitted();
    tail -= count;
    INT.setRelease(rings, sqTail, tail);
    return count;
  }

  /**
   * Submits everything pushed and waits for {@code minComplete} completions; with 0 it does not
   * wait.
   *
   * @return entries submitted, or −errno; fewer than all is no error
   */
  int enter(int minComplete) {
    return enter(unsubmitted(), minComplete);
  }

  /** Waits for completions without submitting. */
  int await(int minComplete) {
    return (int) Libc.syscall(
        Libc.SYS_IO_URING_ENTER,
        ringFd,
        0,
        minComplete,
        IoUringAbi.ENTER_GETEVENTS,
        0,
        0);
  }

  private int enter(int submit, int minComplete) {
    int flags = minComplete > 0 ? IoUringAbi.ENTER_GETEVENTS : 0;
    return (int) Libc.syscall(Libc.SYS_IO_URING_ENTER, ringFd, submit, minComplete, flags, 0, 0);
  }

  boolean hasCompletion() {
    return head != (int) INT.getAcquire(rings, cqTail);
  }

  /** The oldest completion's request; only if {@link #hasCompletion}. */
  long completedUserData() {
    return rings.get(JAVA_LONG, completion() + IoUringAbi.CQE_USER_DATA);
  }

  /** The oldest completion's result: bytes read, or −errno. */
  int completedResult() {
    return rings.get(JAVA_INT, completion() + IoUringAbi.CQE_RES);
  }

  /** Gives the oldest completion's entry back to the kernel. */
  void popCompletion() {
    head++;
    INT.setRelease(rings, cqHead, head);
  }

  private long completion() {
    return cqes + (head & cqMask) * IoUringAbi.CQE_BYTES;
  }

  private static long unsigned(MemorySegment params, long field) {
    return Integer.toUnsignedLong(params.get(JAVA_INT, field));
  }

  @Override
  public void close() {
    if (fileSlot == FileSlot.REGISTERED) {
      // The kernel takes a closed ring apart in the background and would hold the file, and its disk, until then.
      Libc.syscall(
          Libc.SYS_IO_URING_REGISTER, ringFd, IoUringAbi.UNREGISTER_FILES, 0, 0, 0, 0);
    }
    Libc.munmap(sqes.address(), IoUringAbi.SQE_BYTES * entries);
    Libc.munmap(rings.address(), ringsBytes);
    Libc.close(ringFd);
  }
}
