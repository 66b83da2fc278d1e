package dev.sluice.storage.store;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/**
 * A file's digest and the checksums of its pages, computed from what is written from start to end, so that nothing need
 * be read back. One thread at a time.
 */
final class RunningSummary {
  private static final int PAGE_BYTES = StoreFormat.PAGE_BYTES;

  /** Bytes hashed in one go: they stay in cache between digest and checksum. */
  private static final long STEP_BYTES = 1 << 16;

  private final MessageDigest sha256 = FileScan.newSha256();
  private final CRC32C crc = new CRC32C(); // of the page that has begun
  private int[] checksums = new int[1 << 10];
  private int pages;
  private long endBytes;

  /** Takes the bytes that follow. */
  void update(MemorySegment bytes) {
    for (long at = 0; at < bytes.byteSize(); at += STEP_BYTES) {
      step(bytes.asSlice(at, Math.min(STEP_BYTES, bytes.byteSize() - at)).asByteBuffer());
    }
  }

  private void step(ByteBuffer bytes) {
    int size = bytes.limit();
    sha256.update(bytes); // first: slow enough for memory to keep up, as the checksum is not
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
  }

  /** The digest of what was taken until now, in hexadecimal; more may follow. */
  String sha256SoFar() {
    try {
      return HexFormat.of().formatHex(((MessageDigest) sha256.clone()).digest());
    } catch (CloneNotSupportedException e) {
      throw new IllegalStateException("the platform's SHA-256 can be cloned", e);
    }
  }

  /** Of a file of whole pages. Ends the computation. */
  FileScan.Summary finish() {
    if (endBytes % PAGE_BYTES != 0) {
      throw new IllegalStateException(endBytes + " bytes are no whole pages");
    }
    return new FileScan.Summary(
        endBytes,
        HexFormat.of().formatHex(sha256.digest()),
        PageChecksums.of(Arrays.copyOf(checksums, pages)));
  }
}
