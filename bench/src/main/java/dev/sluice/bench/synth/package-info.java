/**
 * Synthetic models of a given shape, for throughput where no released weights can be had: random weights in which the
 * activity of the FFN is planted so that it has published statistics. What is measured on them is told as "synthetic
 * weights, published statistics"; they say nothing about quality.
 */
package dev.sluice.bench.synth;
