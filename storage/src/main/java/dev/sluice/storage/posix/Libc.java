package dev.sluice.storage.posix;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;

/**
 * Bindings to the C library. A call that fails returns its error number negated (as the kernel
 * itself does), never −1 with a hidden errno. Memory is passed by address: the caller keeps it
 * alive until the call returns. Thread-safe: each thread captures errno in its own 4 bytes. No call
 * allocates after a thread's first.
 */
public final class Libc {
  public static final int PROT_READ = 1;
  public static final int PROT_WRITE = 2;
  public static final int MAP_SHARED = 1;
  public static final int MAP_PRIVATE = 2;
  public static final int MAP_ANONYMOUS = 0x20;
  public static final int MAP_NORESERVE = 0x4000;
  public static final int MAP_POPULATE = 0x8000;
  public static final int MADV_RANDOM = 1;
  public static final int MADV_HUGEPAGE = 14;
  public static final int MADV_POPULATE_WRITE = 23;
  public static final int SEEK_END = 2;
  /**
   * {@code SEEK_DATA}: the next offset that holds data rather than a hole; {@code
   * include/uapi/linux/fs.h}.
   */
  public static final int SEEK_DATA = 3;

  /**
   * System call numbers shared by all architectures since 5.1; {@code
   * include/uapi/asm-generic/unistd.h}.
   */
  public static final long SYS_IO_URING_SETUP = 425;

  public static final long SYS_IO_URING_ENTER = 426;
  public static final long SYS_IO_URING_REGISTER = 427;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
  private static final long ERRNO_OFFSET = CAPTURE.byteOffset(PathElement.groupElement("errno"));
  private static final ThreadLocal<MemorySegment> CAPTURED =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CAPTURE));

  private static final MethodHandle OPEN =
      bind("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle CLOSE =
      bind("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle PREAD =
      bind(
          "pread", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle LSEEK =
      bind("lseek", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
  private static final MethodHandle STATX =
      bind(
          "statx",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle MMAP =
      bind(
          "mmap",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MUNMAP =
      bind("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle MADVISE =
      bind("madvise", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
  private static final MethodHandle SYSCALL =
      bind(
          "syscall",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
              JAVA_LONG),
          Linker.Option.firstVariadicArg(1));
  private static final MethodHandle POSIX_FADVISE =
      bind(
          "posix_fadvise",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
  private static final MethodHandle CLOCK_GETTIME =
      bind("clock_gettime", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle STRERROR =
      LINKER.downcallHandle(
          LINKER.defaultLookup().findOrThrow("strerror"),
          FunctionDescriptor.of(ADDRESS, JAVA_INT));

  private Libc() {}

  /** Opens {@code path} (UTF-8) with {@link OpenFlag} bits: a descriptor ≥ 0, or −errno. */
  public static int open(String path, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment captured = CAPTURED.get();
      int result = (int) OPEN.invokeExact(captured, arena.allocateFrom(path), flags);
      return result < 0 ? -errno(captured) : result;
    } catch (Throwable t) {
      throw unexpected("open", t);
    }
  }

  /** 0 or −errno; the descriptor is gone either way. */
  public static int close(int fd) {
    try {
      MemorySegment captured = CAPTURED.get();
      int result = (int) CLOSE.invokeExact(captured, fd);
      return result < 0 ? -errno(captured) : result;
    } catch (Throwable t) {
      throw unexpected("close", t);
    }
  }

  /** Bytes read (0 at end of file), or −errno. Blocks. */
  public static long pread(int fd, long address, long bytes, long offsetBytes) {
    try {
      MemorySegment captured = CAPTURED.get();
      long result = (long) PREAD.invokeExact(captured, fd, address, bytes, offsetBytes);
      return result < 0 ? -errno(captured) : result;
    } catch (Throwable t) {
      throw unexpected("pread", t);
    }
  }

  /**
   * The resulting offset in bytes, or −errno. {@code SEEK_END} with 0 is the cheapest way to learn
   * a file's size.
   */
  public static long lseek(int fd, long offsetBytes, int whence) {
    try {
      MemorySegment captured = CAPTURED.get();
      long result = (long) LSEEK.invokeExact(captured, fd, offsetBytes, whence);
      return result < 0 ? -errno(captured) : result;
    } catch (Throwable t) {
      throw unexpected("lseek", t);
    }
  }

  /** 0 or −errno; {@link FileStatus} gives the struct its meaning. */
  static int statx(
      int folder, MemorySegment path, int flags, int mask, MemorySegment status) {
    try {
      MemorySegment captured = CAPTURED.get();
      int result = (int) STATX.invokeExact(captured, folder, path, flags, mask, status);
      return result < 0 ? -errno(captured) : result;
    } catch (Throwable t) {
      throw unexpected("statx", t);
    }
  }

  /**
   * The address of a new mapping at a place of the kernel's choosing, or −errno (addresses are
   * positive).
   */
  public static long mmap(long bytes, int protection, int flags, int fd, long offsetBytes) {
    try {
      MemorySegment captured = CAPTURED.get();
      long result =
          (long) MMAP.invokeExact(captured, 0L, bytes, protection, flags, fd, offsetBytes);
      return result == -1 ? -errno(captured) : result;
    } catch (Throwable t) {
      throw unexpected("mmap", t);
    }
  }

  /** 0 or −errno. */
  public static int munmap(long address, long bytes) {
    try {
      MemorySegment captured = CAPTURED.get();
      int result = (int) MUNMAP.invokeExact(captured, address, bytes);
      return result < 0 ? -errno(captured) : result;
    } catch (Throwable t) {
      throw unexpected("munmap", t);
    }
  }

  /** 0 or −errno. */
  public static int madvise(long address, long bytes, int advice) {
    try {
      MemorySegment captured = CAPTURED.get();
      int result = (int) MADVISE.invokeExact(captured, address, bytes, advice);
      return result < 0 ? -errno(captured) : result;
    } catch (Throwable t) {
      throw unexpected("madvise", t);
    }
  }

  /**
   * Asks the kernel to forget cached clean pages of the whole file ({@code POSIX_FADV_DONTNEED}): 0
   * or −errno.
   */
  public static int dropCachedPages(int fd) {
    try {
      MemorySegment captured = CAPTURED.get();
      // posix_fadvise returns the error number instead of setting errno.
      return -(int) POSIX_FADVISE.invokeExact(captured, fd, 0L, 0L, 4);
    } catch (Throwable t) {
      throw unexpected("posix_fadvise", t);
    }
  }

  /** A raw system call: its result, or −errno. */
  public static long syscall(long number, long a, long b, long c, long d, long e, long f) {
    try {
      MemorySegment captured = CAPTURED.get();
      long result = (long) SYSCALL.invokeExact(captured, number, a, b, c, d, e, f);
      return result < 0 ? -errno(captured) : result;
    } catch (Throwable t) {
      throw unexpected("syscall", t);
    }
  }

  /**
   * Processor time that a process has used, its ended threads included, in nanoseconds, or −errno. The clock's number is what
   * {@code clock_getcpuclockid} makes of the process ({@code CPUCLOCK_SCHED}, {@code include/linux/posix-timers_types.h}).
   */
  public static long processorNanos(long pid) {
    int clock = (int) (~pid << 3) | 2;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment captured = CAPTURED.get();
      MemorySegment time = arena.allocate(2 * JAVA_LONG.byteSize(), JAVA_LONG.byteSize());
      int result = (int) CLOCK_GETTIME.invokeExact(captured, clock, time);
      return result < 0 ? -errno(captured)
          : time.get(JAVA_LONG, 0) * 1_000_000_000L + time.get(JAVA_LONG, JAVA_LONG.byteSize());
    } catch (Throwable t) {
      throw unexpected("clock_gettime", t);
    }
  }

  /** The system's text for a positive error number. */
  static synchronized String strerror(int errno) {
    try {
      MemorySegment text = (MemorySegment) STRERROR.invokeExact(errno);
      return text.reinterpret(1024).getString(0);
    } catch (Throwable t) {
      throw unexpected("strerror", t);
    }
  }

  private static int errno(MemorySegment captured) {
    return captured.get(JAVA_INT, ERRNO_OFFSET);
  }

  private static MethodHandle bind(
      String symbol, FunctionDescriptor descriptor, Linker.Option... options) {
    Linker.Option[] all = new Linker.Option[options.length + 1];
    System.arraycopy(options, 0, all, 1, options.length);
    all[0] = Linker.Option.captureCallState("errno");
    return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(symbol), descriptor, all);
  }

  private static RuntimeException unexpected(String call, Throwable t) {
    if (t instanceof Error error) {
      throw error;
    }
    return new IllegalStateException("calling " + call + " failed", t);
  }
}
