/**
 * What the storage engine costs: readers against a C loop with one io_uring that is compiled on the spot ({@link
 * dev.sluice.bench.io.ReaderRace}), a device by size, depth and backend ({@link dev.sluice.bench.io.DeviceSurvey}), and JMH
 * benchmarks of readers, planner and checksums with a baseline to compare them with. Run them on the disk that will hold a
 * store.
 */
package dev.sluice.bench.io;
