/**
 * Caches of bundles: what they cost a token (JMH, on a made-up trace with the habits of a real one), and which policy misses
 * least, by replay of a held-out trace whose misses are read from the device.
 */
package dev.sluice.bench.cache;
