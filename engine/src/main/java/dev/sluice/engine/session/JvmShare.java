package dev.sluice.engine.session;

import dev.sluice.engine.kernel.Kernels;
import java.util.List;

/**
 * What the JVM takes. All but {@code nativeBytes} are limits that the JVM is started with and keeps; nativeBytes has no such
 * switch and is measured. In bytes.
 *
 * @param heapBytes limit of the heap: what lives in it by plan, and room for what does not
 * @param spareHeapBytes that room alone
 * @param codeCacheBytes compiled code
 * @param metaspaceBytes classes
 * @param directBytes buffers of channels, and memory of kernels that goes with its thread
 * @param nativeBytes libraries, the archive of system classes, stacks, the compiler's and the collector's own memory, and
 *     the kernel's for it all
 */
public record JvmShare(
    long heapBytes, long spareHeapBytes, long codeCacheBytes, long metaspaceBytes,
    long directBytes, long nativeBytes) {
  private static final long MIB = 1L << 20;

  // Measured (native memory tracking): 11 and 21 MiB used by a run; a full code cache would stop the compiler.
  private static final long CODE_CACHE_BYTES = 20 * MIB;
  private static final long METASPACE_BYTES = 26 * MIB;
  private static final long DIRECT_BYTES = 4 * MIB;
  // Measured: libraries and the class archive 40, symbols and the like 16, the kernel 7. The compiler takes 34 at its peak,
  // which comes while a prompt is taken and slots are not; 20 after it.
  private static final long NATIVE_BYTES = 84 * MIB;
  private static final long STACK_BYTES = MIB;

  private static final long SPARE_HEAP_BYTES = 34 * MIB;
  private static final int YOUNG_MIB = 16;
  // The collector finds its way by tables of a 512th of the heap.
  private static final int TABLE_SHARE = 256;

  /**
   * A share.
   *
   * @param liveBytes of objects that stay
   * @param loadingBytes of objects that are there before these
   */
  static JvmShare of(long liveBytes, long loadingBytes, int threads) {
    long spare = SPARE_HEAP_BYTES + liveBytes / 16;
    long heap =
        Math.ceilDiv(Math.max(liveBytes, loadingBytes) + spare, 2 * MIB) * 2 * MIB;
    return new JvmShare(
        heap,
        heap - liveBytes,
        CODE_CACHE_BYTES,
        METASPACE_BYTES,
        directBytes(threads),
        NATIVE_BYTES + threads * STACK_BYTES / 4 + heap / TABLE_SHARE);
  }

  /** Buffers of channels, and what kernels hold for each thread, in whole MiB. */
  private static long directBytes(int threads) {
    return Math.ceilDiv(DIRECT_BYTES + threads * Kernels.tileBytesPerThread(), MIB) * MIB;
  }

  /** All that is not counted elsewhere: objects that stay are, where they belong. */
  public long bytesBesideLiveHeap() {
    return spareHeapBytes + codeCacheBytes + metaspaceBytes + directBytes + nativeBytes;
  }

  /** Options that hold a JVM to this. */
  public List<String> flags() {
    return List.of(
        "-Xmx" + (heapBytes / MIB) + "m",
        "-Xmn" + YOUNG_MIB + "m",
        "-Xms" + 2 * YOUNG_MIB + "m",
        // Small steps: what the heap once took it keeps.
        "-XX:MinHeapFreeRatio=5",
        "-XX:MaxHeapFreeRatio=15",
        "-XX:ReservedCodeCacheSize=" + (codeCacheBytes / MIB) + "m",
        "-XX:MaxMetaspaceSize=" + (metaspaceBytes / MIB) + "m",
        "-XX:MaxDirectMemorySize=" + (directBytes / MIB) + "m",
        "-Xss" + (STACK_BYTES / MIB) + "m",
        // What the compiler used goes back to the system.
        "-XX:TrimNativeHeapInterval=1000");
  }
}
