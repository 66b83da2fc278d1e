package dev.sluice.storage.block;

/** How a reader's bytes travel from the device. */
public enum Access {
  /** {@code O_DIRECT}, in force: checked by a read at open. Every request reaches the device. */
  DIRECT,
  /**
   * Through the page cache: the file system refuses direct reads, or takes the flag and buffers all
   * the same.
   */
  BUFFERED,
  /** Copied out of a memory mapping, by page faults. */
  MAPPED
}
