/**
 * Block readers: "read these (file offset, length → memory) requests", by io_uring, by {@code
 * pread} on threads, or by a memory mapping as the control. One interface, one contract, because
 * what a comparison of backends measures must be the backend and nothing else; the contract's test
 * suite runs against every one. One more reads memory and fails as disks fail, by the roll of a
 * seeded die: what stands above readers is tested on it.
 *
 * <p>Every byte that Sluice reports as read is counted here, at the place where it is asked of the
 * device.
 *
 * <p>Memory rule: the kernel writes into a batch's target until {@link
 * dev.sluice.storage.block.BlockReader#next} has returned −1, {@link
 * dev.sluice.storage.block.BlockReader#drain} or {@code close} has returned, or an exception came
 * out of {@code next}. Only then may the Arena of the target be closed or its bytes be reused.
 */
package dev.sluice.storage.block;
