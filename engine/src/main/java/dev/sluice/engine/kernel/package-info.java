/**
 * The arithmetic that all models share, and the threads that it runs on. Lives here so that one
 * rule holds for every figure that Sluice prints: a result's bits depend on the numbers alone,
 * never on vector width, machine, warm-up, batch shape or thread count.
 *
 * <h2>The canonical sum</h2>
 *
 * A dot product of n elements keeps 16 partial sums. Activations are held <em>arranged</em>, so that one load of 32 bytes of
 * weights splits into vectors without a shuffle: for 16-bit weights in each full block of 16 elements 0, 2, … 14 come first and
 * 1, 3, … 15 after them; for Q8_0 in each block of 32 elements 0, 4, … 28, then 1, 5, … 29, and so on; for others but U4 in natural
 * order. What remains behind full blocks keeps natural order. Arranged element 16b +
 * k goes to partial sum s_k by fused multiply-add, b ascending, all starting from +0; the last
 * block is padded with zeros to 16. Then t_k = s_k + s_(k+8) for k &lt; 8 and
 *
 * <pre>  dot = (((t0 + t4) + (t2 + t6)) + ((t1 + t5) + (t3 + t7)))</pre>
 *
 * Every implementation of {@link dev.sluice.engine.kernel.Kernels} computes exactly this, so
 * float32 rows that were widened to the arranged layout give the same bits as the weights that
 * they came from.
 *
 * <p>Quantised rows are summed over their exact weights (in Q8_0, scale · q has at most 19 significant bits; Q4_0 and
 * Q4_1 in natural order, unsigned nibbles of columns, U4, as 16-bit weights), so what holds for 16-bit weights holds for them.
 *
 * <h2>The sum over int8 activations</h2>
 *
 * Rows of Q8_0, Q4_0 and Q4_1 may instead be multiplied with activations that were quantised too ({@link
 * dev.sluice.engine.kernel.Int8Vector}). For block b of 32 elements and k &lt; 8, the integer r_k is the sum of q_i · x_i over four
 * elements that vectors meet in one lane: in Q8_0 i = 4k … 4k + 3; in Q4_0 (with q_i − 8) and Q4_1, whose bytes hold elements 16 apart, i =
 * 2k, 2k + 1, 2k + 16, 2k + 17. It goes to a partial sum as fma(r_k, weight scale · activation scale, s), b ascending: in Q8_0 to s_k if b
 * is even and to s_(k+8) if it is odd; in Q4_0 and Q4_1 to s_(k/2 + 8 (k mod 2) + 4 (b mod 2)). The same tree follows. In Q4_1, fma(minimum, activation scale
 * · Σ x_i, m) is taken over even and odd blocks apart, and the two sums m are added to each other and then to the tree's
 * result; in other types 0 is added.
 */
package dev.sluice.engine.kernel;
