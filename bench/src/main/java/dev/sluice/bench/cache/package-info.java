/**
 * What the window cache costs a token: JMH benchmarks on a made-up trace with the habits of a real
 * one.
 */
package dev.sluice.bench.cache;
