/**
 * Benchmarks of the block readers: what the device gives to each backend at each request size, and
 * what a read costs in processor time. Run them on the disk that will hold a store.
 */
package dev.sluice.bench.io;
