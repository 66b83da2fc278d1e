package dev.sluice.storage.store;

import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Sequential passes over a whole file: its SHA-256, and what its pages' checksums are or should be. */
final class FileScan {
  /** A multiple of the page size; small enough to stay in cache between reading and hashing. */
  private static final int CHUNK_BYTES = 1 << 18;

  /**
   * @param sha256 lower-case hexadecimal
   */
  record Summary(long bytes, String sha256, PageChecksums checksums) {}

  /** Told about each chunk in file order, before it is hashed. */
  @FunctionalInterface
  interface ChunkVisitor {
    ChunkVisitor NONE = (offsetBytes, chunk) -> {};

    void visit(long offsetBytes, MemorySegment chunk);
  }

  private FileScan() {}

  /**
   * Hashes the first {@code bytes} of a file.
   *
   * @throws FaultException if it cannot be read or is shorter
   */
  static String sha256(Path file, FileChannel channel, long bytes, ChunkVisitor visitor) {
    MessageDigest sha256 = newSha256();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(CHUNK_BYTES, StoreFormat.PAGE_BYTES);
      for (long offset = 0; offset < bytes; offset += CHUNK_BYTES) {
        MemorySegment chunk = buffer.asSlice(0, Math.min(CHUNK_BYTES, bytes - offset));
        readFully(file, channel, offset, chunk);
        visitor.visit(offset, chunk);
        sha256.update(chunk.asByteBuffer());
      }
    }
    return HexFormat.of().formatHex(sha256.digest());
  }

  static String sha256(byte[] bytes) {
    return HexFormat.of().formatHex(newSha256().digest(bytes));
  }

  /** Hashes a file of whole pages and computes the checksum of each. */
  static Summary summarise(Path file, FileChannel channel) throws IOException {
    long bytes = channel.size();
    if (bytes % StoreFormat.PAGE_BYTES != 0) {
      throw new IllegalStateException(file + " does not consist of whole pages");
    }
    PageChecksums.Builder checksums = new PageChecksums.Builder(bytes);
    String sha256 = sha256(file, channel, bytes, checksums::add);
    return new Summary(bytes, sha256, checksums.build());
  }

  /**
   * Fills {@code target} from {@code offsetBytes} on.
   *
   * @throws FaultException if the file cannot be read or ends before
   */
  static void readFully(Path file, FileChannel channel, long offsetBytes, MemorySegment target) {
    ByteBuffer buffer = target.asByteBuffer();
    try {
      while (buffer.hasRemaining()) {
        if (channel.read(buffer, offsetBytes + buffer.position()) < 0) {
          throw new FaultException(
              file,
              "ends at offset " + channel.size() + " while it is read",
              "the store is damaged, import or bundle it again");
        }
      }
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  static byte[] readFully(Path file, FileChannel channel, int bytes) {
    byte[] result = new byte[bytes];
    readFully(file, channel, 0, MemorySegment.ofArray(result));
    return result;
  }

  static FaultException unreadable(Path file, IOException e) {
    return new FaultException(file, "cannot be read (" + FaultException.reason(e) + ")",
        "check the disk and permissions", e);
  }

  static MessageDigest newSha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
