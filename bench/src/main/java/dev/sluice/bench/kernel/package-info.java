/**
 * JMH benchmarks of {@link dev.sluice.engine.kernel}: weight bandwidth of rows and columns from L2 and from DRAM, against C
 * and against plain reading, and multiplications per second of batch tiles. They stand here, not in tests, because time is
 * measured, never asserted.
 */
package dev.sluice.bench.kernel;
