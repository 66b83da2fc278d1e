package dev.sluice.bundler.checkpoint.gguf;

import dev.sluice.bundler.input.InputFiles;
import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Reads values one after another from a range of a file and never beyond it: each length is compared with what is left
 * before memory is taken. {@link #place} says in messages what is being read. Used by one thread.
 */
final class GgufCursor {
  private static final int BUFFER_BYTES = 1 << 16;

  private final Path file;
  private final FileChannel channel;
  private final long endBytes;
  private final ByteBuffer buffer;
  private long bufferEndBytes; // file offset behind the buffer's content
  private String place = "";

  /** Reads from {@code offsetBytes} up to {@code endBytes}, which is at most the file's size. */
  GgufCursor(Path file, FileChannel channel, long offsetBytes, long endBytes) {
    this.file = file;
    this.channel = channel;
    this.endBytes = endBytes;
    this.bufferEndBytes = offsetBytes;
    this.buffer =
        ByteBuffer.allocate((int) Math.clamp(endBytes - offsetBytes, Long.BYTES, BUFFER_BYTES))
            .order(ByteOrder.LITTLE_ENDIAN)
            .limit(0);
  }

  /** What is read from here on, such as {@code key general.name}; untrusted text is made fit to be shown. */
  void place(String what) {
    place = what.isEmpty() ? "" : ", " + Shown.of(what);
  }

  long offsetBytes() {
    return bufferEndBytes - buffer.remaining();
  }

  long remainingBytes() {
    return endBytes - offsetBytes();
  }

  byte int8() {
    return fill(Byte.BYTES).get();
  }

  short int16() {
    return fill(Short.BYTES).getShort();
  }

  int int32() {
    return fill(Integer.BYTES).getInt();
  }

  long int64() {
    return fill(Long.BYTES).getLong();
  }

  float float32() {
    return fill(Float.BYTES).getFloat();
  }

  double float64() {
    return fill(Double.BYTES).getDouble();
  }

  /**
   * A count of things that take {@code leastBytes} each.
   *
   * @param limit the most that a sane file has
   */
  long count(String things, int leastBytes, long limit) {
    long count = int64();
    if (count < 0 || count > limit) {
      throw bad(
          "it claims " + Long.toUnsignedString(count) + " " + things + ", over the limit of "
              + limit);
    }
    if (count > remainingBytes() / leastBytes) {
      throw bad(
          "it claims " + count + " " + things + ", more than the " + remainingBytes()
              + " bytes that follow can hold");
    }
    return count;
  }

  /** A string's bytes: its length is checked, then they are read. */
  byte[] stringBytes(int limitBytes) {
    byte[] bytes = new byte[(int) count("bytes of text", 1, limitBytes)];
    for (int done = 0; done < bytes.length;) {
      fill(1);
      int some = Math.min(buffer.remaining(), bytes.length - done);
      buffer.get(bytes, done, some);
      done += some;
    }
    return bytes;
  }

  /** A string that must be UTF-8. */
  String string(int limitBytes) {
    byte[] bytes = stringBytes(limitBytes);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new BadInputException(
          file + place, "a string is not UTF-8", "fetch or convert the file again", e);
    }
  }

  /** Passes over a string. */
  void skipString(int limitBytes) {
    skip(count("bytes of text", 1, limitBytes));
  }

  /** Passes over bytes that the caller knows to be there. */
  void skip(long bytes) {
    if (bytes > remainingBytes()) {
      throw tooShort();
    }
    if (bytes <= buffer.remaining()) {
      buffer.position(buffer.position() + (int) bytes);
    } else {
      bufferEndBytes = offsetBytes() + bytes;
      buffer.limit(0);
    }
  }

  /** A refusal that names the file and the place. */
  BadInputException bad(String cause) {
    return new BadInputException(file + place, cause, "fetch or convert the file again");
  }

  private ByteBuffer fill(int bytes) {
    if (buffer.remaining() >= bytes) {
      return buffer;
    }
    if (remainingBytes() < bytes) {
      throw tooShort();
    }
    buffer.compact();
    long wanted = Math.min(buffer.remaining(), endBytes - bufferEndBytes);
    buffer.limit(buffer.position() + (int) wanted);
    try {
      while (buffer.hasRemaining()) {
        int got = channel.read(buffer, bufferEndBytes);
        if (got < 0) {
          throw new FaultException(
              file, "the file was cut short while it was read", "fetch it again and repeat");
        }
        bufferEndBytes += got;
      }
    } catch (IOException e) {
      throw InputFiles.refusal(file, e);
    }
    return buffer.flip();
  }

  private BadInputException tooShort() {
    return new BadInputException(
        file + place,
        "the file ends at byte " + endBytes + ", inside its header",
        "the download may be incomplete: fetch the file again");
  }
}
