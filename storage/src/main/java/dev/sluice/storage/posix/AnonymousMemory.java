package dev.sluice.storage.posix;

import dev.sluice.storage.FaultException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Large native memory that takes RAM only where it is touched, in 2 MiB pages where the system gives them: fewer
 * translations to miss, and direct reads pin far fewer pages. Zeroed, unlike {@link Arena#allocate} without touching it.
 */
public final class AnonymousMemory {
  private static final long HUGE_PAGE_BYTES = 2L << 20;

  private AnonymousMemory() {}

  /**
   * Maps at least {@code bytes}, aligned to 2 MiB, unmapped when {@code arena} closes.
   *
   * @throws FaultException if the system refuses
   */
  public static MemorySegment map(long bytes, Arena arena) {
    long size = Math.max(HUGE_PAGE_BYTES, Math.ceilDiv(bytes, HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES);
    long mapped = size + HUGE_PAGE_BYTES;
    long base =
        Libc.mmap(
            mapped, Libc.PROT_READ | Libc.PROT_WRITE,
            Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE, -1, 0);
    if (base < 0) {
      throw new FaultException(
          "memory", "the system has no " + bytes + " bytes ("
              + new SystemCallException("mmap", (int) -base).getMessage() + ")",
          "close other programs or give a smaller --ram");
    }
    long aligned = Math.ceilDiv(base, HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES;
    Libc.madvise(aligned, size, Libc.MADV_HUGEPAGE); // a wish; small pages do as well
    return MemorySegment.ofAddress(aligned)
        .reinterpret(bytes, arena, _ -> Libc.munmap(base, mapped));
  }
}
