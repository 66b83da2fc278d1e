/**
 * Two models side by side: the same budget, the same text, every figure from real reads. {@link
 * dev.sluice.bench.compare.Comparison} holds what was measured, {@link dev.sluice.bench.compare.Comparer} measures it.
 */
package dev.sluice.bench.compare;
