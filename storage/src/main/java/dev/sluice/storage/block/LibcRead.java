package dev.sluice.storage.block;

import dev.sluice.storage.posix.Libc;

/**
 * {@code pread(2)}.
 *
 * @param fd closed by its owner
 */
record LibcRead(int fd) implements PositionedRead {
  @Override
  public long read(long address, int lengthBytes, long fileOffsetBytes) {
    return Libc.pread(fd, address, lengthBytes, fileOffsetBytes);
  }

  @Override
  public void close() {
    // the descriptor has another owner
  }
}
