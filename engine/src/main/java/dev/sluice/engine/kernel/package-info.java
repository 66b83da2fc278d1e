/**
 * The arithmetic that all models share, and the threads that it runs on. Lives here so that one
 * rule holds for every figure that Sluice prints: a result's bits depend on the numbers alone,
 * never on vector width, machine, warm-up, batch shape or thread count.
 *
 * <h2>The canonical sum</h2>
 *
 * A dot product of n elements keeps 16 partial sums. Activations are held <em>arranged</em>: in
 * each full block of 16, elements 0, 2, … 14 come first and 1, 3, … 15 after them for 16-bit
 * weights (so a 32-bit load of two weights splits into two vectors without a shuffle), and in
 * natural order for F32. The n % 16 elements that remain keep natural order. Arranged element 16b +
 * k goes to partial sum s_k by fused multiply-add, b ascending, all starting from +0; the last
 * block is padded with zeros to 16. Then t_k = s_k + s_(k+8) for k &lt; 8 and
 *
 * <pre>  dot = (((t0 + t4) + (t2 + t6)) + ((t1 + t5) + (t3 + t7)))</pre>
 *
 * Every implementation of {@link dev.sluice.engine.kernel.Kernels} computes exactly this, so
 * float32 rows that were widened to the arranged layout give the same bits as the 16-bit weights
 * that they came from.
 */
package dev.sluice.engine.kernel;
