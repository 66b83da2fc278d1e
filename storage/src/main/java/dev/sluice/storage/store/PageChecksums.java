package dev.sluice.storage.store;

import dev.sluice.storage.FaultException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/** CRC32C of every 4096-byte page of one file, so that any page-aligned read can be verified alone. Thread-safe. */
public final class PageChecksums {
  /** Bytes that one checksum covers. */
  public static final int PAGE_BYTES = 4096;

  /** One view covers at most this much: buffers count in ints. */
  private static final long VIEW_BYTES = 1L << 30;

  private final int[] checksums;

  /** Computes the checksums of a file's whole pages from chunks in file order; what is left at its end has none. */
  static final class Builder {
    private final int[] checksums;
    private final CRC32C crc = new CRC32C();

    Builder(long fileBytes) {
      checksums = new int[Math.toIntExact(fileBytes / PAGE_BYTES)];
    }

    /** @param offsetBytes a multiple of 4096 */
    void add(long offsetBytes, MemorySegment chunk) {
      int page = (int) (offsetBytes / PAGE_BYTES);
      for (long at = 0; at + PAGE_BYTES <= chunk.byteSize(); at += PAGE_BYTES) {
        crc.reset();
        crc.update(chunk.asSlice(at, PAGE_BYTES).asByteBuffer());
        checksums[page++] = (int) crc.getValue();
      }
    }

    PageChecksums build() {
      return new PageChecksums(checksums);
    }
  }

  private PageChecksums(int[] checksums) {
    this.checksums = checksums;
  }

  /** Takes over {@code checksums}, one per page in file order; the caller must not change it afterwards. */
  static PageChecksums of(int[] checksums) {
    return new PageChecksums(checksums);
  }

  /** Of the whole pages that {@code content} begins with. */
  public static PageChecksums of(MemorySegment content) {
    Builder builder = new Builder(content.byteSize());
    builder.add(0, content);
    return builder.build();
  }

  /** Reads little-endian int32s; the length must be a multiple of 4. */
  static PageChecksums decode(byte[] bytes) {
    int[] checksums = new int[bytes.length / Integer.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(checksums);
    return new PageChecksums(checksums);
  }

  byte[] encode() {
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.multiplyExact(checksums.length, Integer.BYTES))
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(checksums);
    return bytes.array();
  }

  /** Pages of the file. */
  public int pages() {
    return checksums.length;
  }

  /**
   * Verifies bytes that were read from the file.
   *
   * @param file named in the error; not opened
   * @param fileOffsetBytes where the bytes came from, a multiple of 4096
   * @param memory heap or native memory that holds them
   * @param offset where they begin in {@code memory}
   * @param lengthBytes how many, a multiple of 4096
   * @throws FaultException naming the file and the first page that does not match
   * @throws IllegalArgumentException if the range is not made of whole pages of the file
   */
  public void verify(
      Path file, long fileOffsetBytes, MemorySegment memory, long offset, long lengthBytes) {
    long wrong = firstMismatch(fileOffsetBytes, memory, offset, lengthBytes);
    if (wrong >= 0) {
      throw mismatch(file, wrong, "");
    }
  }

  /**
   * Looks for the first page of what was read that does not match; arguments as of {@link #verify}, without its errors.
   *
   * @return its offset in the file; −1 if all match
   * @throws IllegalArgumentException if the range is not made of whole pages of the file
   */
  long firstMismatch(
      long fileOffsetBytes, MemorySegment memory, long offset, long lengthBytes) {
    long firstPage = fileOffsetBytes / PAGE_BYTES;
    if (fileOffsetBytes < 0
        || lengthBytes < 0
        || fileOffsetBytes % PAGE_BYTES != 0
        || lengthBytes % PAGE_BYTES != 0
        || lengthBytes / PAGE_BYTES > checksums.length - firstPage) {
      throw new IllegalArgumentException(
          "not whole pages of the file: offset " + fileOffsetBytes + ", length " + lengthBytes);
    }
    CRC32C crc = new CRC32C();
    for (long done = 0; done < lengthBytes; done += VIEW_BYTES) {
      long viewBytes = Math.min(VIEW_BYTES, lengthBytes - done);
      long wrong =
          firstMismatch(
              Math.toIntExact(firstPage + done / PAGE_BYTES),
              memory.asSlice(offset + done, viewBytes).asByteBuffer(), crc);
      if (wrong >= 0) {
        return wrong;
      }
    }
    return -1;
  }

  private long firstMismatch(int firstPage, ByteBuffer view, CRC32C crc) {
    int pages = view.capacity() / PAGE_BYTES;
    for (int page = 0; page < pages; page++) {
      crc.reset();
      view.limit((page + 1) * PAGE_BYTES).position(page * PAGE_BYTES);
      crc.update(view);
      if ((int) crc.getValue() != checksums[firstPage + page]) {
        return (long) (firstPage + page) * PAGE_BYTES;
      }
    }
    return -1;
  }

  /** @param place what lies there, in brackets behind a space; or empty */
  static FaultException mismatch(Path file, long pageOffsetBytes, String place) {
    return new FaultException(
        file,
        "page at offset " + pageOffsetBytes + " does not match its checksum" + place,
        "check the disk, then repair the store with sluice verify --repair-from, or import or bundle it again");
  }
}
