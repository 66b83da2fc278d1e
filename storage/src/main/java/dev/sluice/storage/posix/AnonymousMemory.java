package dev.sluice.storage.posix;

import dev.sluice.storage.FaultException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Large native memory that takes RAM only where it is touched, in 2 MiB pages where the system gives them: fewer
 * translations to miss, and the kernel pins far fewer pages for a direct read or write and need not split it. Zeroed, unlike {@link Arena#allocate} without touching it.
 */
public final class AnonymousMemory {
  private static final long HUGE_PAGE_BYTES = 2L << 20;
  private static final long PAGE_BYTES = 4096;

  private AnonymousMemory() {}

  /** RAM that a map of {@code bytes} takes at most when all of it was touched. */
  public static long residentBytes(long bytes) {
    return Math.max(HUGE_PAGE_BYTES, Math.ceilDiv(bytes, HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES);
  }

  /**
   * Gives {@code memory} all of its RAM at once instead of a page at each first touch. Kernels before 5.14 are left to do it
   * their way.
   *
   * @param memory one that {@link #map} returned, or a part of it that begins on a page
   * @throws FaultException if there is not so much, which is better heard now than in the middle of a text
   */
  public static void populate(MemorySegment memory) {
    long pages = Math.ceilDiv(memory.byteSize(), PAGE_BYTES) * PAGE_BYTES;
    int result = Libc.madvise(memory.address(), pages, Libc.MADV_POPULATE_WRITE);
    if (result == -Errno.ENOMEM || result == -Errno.EFAULT) {
      throw new FaultException("memory",
          "the system has no " + memory.byteSize() + " bytes left",
          "close other programs or give a smaller --ram");
    }
  }

  /**
   * Maps at least {@code bytes}, aligned to 2 MiB, unmapped when {@code arena} closes.
   *
   * @throws FaultException if the system refuses
   */
  public static MemorySegment map(long bytes, Arena arena) {
    long size = residentBytes(bytes);
    long mapped = size + HUGE_PAGE_BYTES;
    long base =
        Libc.mmap(
            mapped, Libc.PROT_READ | Libc.PROT_WRITE,
            Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE, -1, 0);
    if (base < 0) {
      throw new FaultException(
          "memory", "the system has no " + bytes + " bytes ("
              + new SystemCallException("mmap", (int) -base).getMessage() + ")",
          "close other programs");
    }
    long aligned = Math.ceilDiv(base, HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES;
    Libc.madvise(aligned, size, Libc.MADV_HUGEPAGE); // a wish; small pages do as well
    return MemorySegment.ofAddress(aligned)
        .reinterpret(bytes, arena, _ -> Libc.munmap(base, mapped));
  }
}
