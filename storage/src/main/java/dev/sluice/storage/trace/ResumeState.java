package dev.sluice.storage.trace;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * How far an unfinished trace is good, kept in {@code TARGET.state} and replaced whole after every layer.
 *
 * <pre>
 * magic u64 "SLUICETS" | version u32 | layer u32 | goodBytes u64 | stateBytes u32 | headerDigest 32 bytes, SHA-256
 * | state | crc u32 (of all before it)
 * </pre>
 *
 * @param layer last layer that is complete
 * @param goodBytes length of the partial file when that layer's chunks were made durable
 * @param state whatever the tracer needs to go on with the next layer
 */
record ResumeState(int layer, long goodBytes, byte[] state) {
  private static final long MAGIC = TraceFormat.magic("SLUICETS");
  private static final int HEAD_BYTES = 8 + 4 + 4 + 8 + 4 + 32;

  /** Writes beside, makes durable, renames: at every instant the old state or the new one is there. */
  void save(Path file, byte[] header) {
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    byte[] headBytes = new byte[HEAD_BYTES];
    ByteBuffer head = TraceFormat.wrap(headBytes);
    head.putLong(MAGIC).putInt(TraceFormat.VERSION).putInt(layer).putLong(goodBytes)
        .putInt(state.length);
    head.put(digest(header));
    CRC32C crc = new CRC32C();
    crc.update(headBytes);
    crc.update(state);
    byte[] tail = new byte[4];
    TraceFormat.wrap(tail).putInt((int) crc.getValue());
    try (TraceChannel channel =
        TraceChannel.open(
            fresh,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      channel.write(0, headBytes, HEAD_BYTES);
      channel.write(HEAD_BYTES, state, state.length);
      channel.write(HEAD_BYTES + (long) state.length, tail, 4);
      channel.force();
    }
    TraceChannel.publish(fresh, file);
  }

  /** The saved state, or nothing when there is none, it is damaged or it belongs to another header. */
  static Optional<ResumeState> load(Path file, byte[] header) {
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try (TraceChannel channel = TraceChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      if (size < HEAD_BYTES + 4) {
        return Optional.empty();
      }
      byte[] headBytes = new byte[HEAD_BYTES];
      channel.read(0, headBytes, HEAD_BYTES);
      ByteBuffer head = TraceFormat.wrap(headBytes);
      boolean known = head.getLong() == MAGIC && head.getInt() == TraceFormat.VERSION;
      int layer = head.getInt();
      long goodBytes = head.getLong();
      int stateBytes = head.getInt();
      if (!known || layer < 0 || stateBytes < 0 || size != HEAD_BYTES + 4L + stateBytes) {
        return Optional.empty();
      }
      byte[] rest = new byte[stateBytes + 4];
      channel.read(HEAD_BYTES, rest, rest.length);
      CRC32C crc = new CRC32C();
      crc.update(headBytes);
      crc.update(rest, 0, stateBytes);
      int expected = TraceFormat.wrap(rest).getInt(stateBytes);
      byte[] of = new byte[32];
      head.get(of);
      if ((int) crc.getValue() != expected || !MessageDigest.isEqual(of, digest(header))) {
        return Optional.empty();
      }
      return Optional.of(new ResumeState(layer, goodBytes, Arrays.copyOf(rest, stateBytes)));
    }
  }

  static byte[] digest(byte[] bytes) {
    return sha256().digest(bytes);
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
