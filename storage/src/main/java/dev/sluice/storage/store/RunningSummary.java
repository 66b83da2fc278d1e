package dev.sluice.storage.store;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * A file's digest and the checksums of its pages, computed from what is written, so that nothing need be read back. Only
 * for files that are written from start to end; others have no summary. One thread at a time.
 */
final class RunningSummary {
  private static final int PAGE_BYTES = StoreFormat.PAGE_BYTES;

  /** Bytes hashed in one go: they stay in cache between checksum and digest. */
  private static final long STEP_BYTES = 1 << 18;

  private final MessageDigest sha256 = FileScan.newSha256();
  private final CRC32C crc = new CRC32C(); // of the page that has begun
  private int[] checksums = new int[1 << 10];
  private int pages;
  private long endBytes;
  private boolean inOrder = true;

  /** Takes the bytes that are written at {@code offsetBytes}. */
  void update(long offsetBytes, MemorySegment bytes) {
    inOrder &= offsetBytes == endBytes;
    for (long at = 0; inOrder && at < bytes.byteSize(); at += STEP_BYTES) {
      step(bytes.asSlice(at, Math.min(STEP_BYTES, bytes.byteSize() - at)).asByteBuffer());
    }
  }

  private void step(ByteBuffer bytes) {
    int size = bytes.limit();
    for (int at = 0; at < size;) {
      int inPage = (int) (endBytes % PAGE_BYTES);
      int some = Math.min(PAGE_BYTES - inPage, size - at);
      crc.update(bytes.limit(at + some).position(at));
      at += some;
      endBytes += some;
      if (inPage + some == PAGE_BYTES) {
        if (pages == checksums.length) {
          checksums = Arrays.copyOf(checksums, pages * 2);
        }
        checksums[pages++] = (int) crc.getValue();
        crc.reset();
      }
    }
    sha256.update(bytes.limit(size).position(0));
  }

  /** Of a file of whole pages; empty if it was not written in order. Ends the computation. */
  Optional<FileScan.Summary> finish() {
    if (!inOrder || endBytes % PAGE_BYTES != 0) {
      return Optional.empty();
    }
    return Optional.of(
        new FileScan.Summary(
            endBytes,
            HexFormat.of().formatHex(sha256.digest()),
            PageChecksums.of(Arrays.copyOf(checksums, pages))));
  }
}
