package dev.sluice.storage.block;

/** Which implementation {@link BlockReaders#open} shall use. */
public enum Backend {
  /** The first that works here: io_uring, then pread. */
  AUTO,
  IO_URING,
  PREAD,
  /** {@code FileChannel} with {@code ExtendedOpenOption.DIRECT} on threads: the JDK's own way. */
  CHANNEL,
  MMAP
}
