/**
 * Which neurons of a layer fire together, counted from a trace. Orders are made from these counts, and are judged on
 * tokens that were not counted.
 *
 * <p>Firings are kept as bitsets, so the count of a pair is the population count of an intersection: at 10 % activity
 * that takes fewer operations than walking the pairs of each token, and no memory per pair.
 */
package dev.sluice.bundler.coactivation;
