package dev.sluice.storage.block;

/** Which implementation {@link BlockReaders#open} shall use. */
public enum Backend {
  /** The first that works here: io_uring, then pread. */
  AUTO,
  IO_URING,
  PREAD,
  MMAP
}
