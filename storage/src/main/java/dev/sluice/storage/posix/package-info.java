/**
 * The few Linux calls that Sluice needs and the JDK does not offer: direct opens, {@code statx},
 * raw system calls for io_uring, {@code madvise}. Everything here is a thin binding through the
 * foreign function interface; the struct layouts name the kernel header that they come from, and
 * nothing above this package touches an offset of a kernel struct.
 *
 * <p>Linux on 64-bit little-endian machines only (x86_64 and aarch64).
 */
package dev.sluice.storage.posix;
