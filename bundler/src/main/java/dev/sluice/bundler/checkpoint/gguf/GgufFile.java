package dev.sluice.bundler.checkpoint.gguf;

import dev.sluice.bundler.input.InputFiles;
import dev.sluice.bundler.input.Shown;
import dev.sluice.bundler.input.WeightData;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * One GGUF file, checked whole when opened, except for the data itself. Data is read by position into native memory and
 * never mapped: a file cut short underneath then is an error, not a crash of the process. Reads may run on several
 * threads at once.
 */
public final class GgufFile implements AutoCloseable {
  /**
   * @param shape elements per dimension, outermost first (the file has them the other way); row-major
   * @param offsetBytes where the data begins in the file
   */
  public record Tensor(
      String name, GgufType type, List<Long> shape, long offsetBytes, long bytes) {}

  private final Path file;
  private final FileChannel channel; // of what comes before the data
  private final WeightData data;
  private final GgufMetadata metadata;
  private final Map<String, Tensor> tensors;
  private final long headerBytes;

  private GgufFile(Path file, FileChannel channel, WeightData data, GgufHeader header) {
    this.file = file;
    this.channel = channel;
    this.data = data;
    this.metadata = new GgufMetadata(file, channel, header.values());
    this.tensors = Collections.unmodifiableMap(header.tensors());
    this.headerBytes = header.bytes();
  }

  /**
   * Opens and checks a file.
   *
   * @throws BadInputException naming the file, and the key or tensor at fault if it is one
   * @throws FaultException if the device fails
   */
  public static GgufFile open(Path file) {
    FileChannel channel = InputFiles.open(file);
    try {
      GgufHeader header = GgufHeader.parse(file, channel, channel.size());
      return new GgufFile(file, channel, WeightData.open(file), header);
    } catch (IOException | RuntimeException e) {
      try {
        channel.close();
      } catch (IOException closing) {
        e.addSuppressed(closing);
      }
      throw e instanceof IOException io ? InputFiles.refusal(file, io) : (RuntimeException) e;
    }
  }

  public Path file() {
    return file;
  }

  public GgufMetadata metadata() {
    return metadata;
  }

  /** Tensors by name, in the file's order. */
  public Map<String, Tensor> tensors() {
    return tensors;
  }

  /** SHA-256 of everything before the data, in hexadecimal. */
  public String headerDigest() {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(headerBytes, 1 << 16));
      for (long at = 0; at < headerBytes; at += buffer.limit()) {
        buffer.clear().limit((int) Math.min(buffer.capacity(), headerBytes - at));
        while (buffer.hasRemaining()) {
          if (channel.read(buffer, at + buffer.position()) < 0) {
            throw cutShort(file);
          }
        }
        sha256.update(buffer.flip());
      }
      return HexFormat.of().formatHex(sha256.digest());
    } catch (IOException e) {
      throw InputFiles.refusal(file, e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  private static FaultException cutShort(Object place) {
    return new FaultException(
        place, "the file was cut short while it was read", "fetch it again and repeat");
  }

  /** How messages name a tensor of a file. */
  public static String place(Path file, String tensor) {
    return file + ", tensor " + Shown.of(tensor);
  }

  /** How messages name a tensor of this file. */
  public String place(Tensor tensor) {
    return place(file, tensor.name());
  }

  /**
   * Reads part of a tensor.
   *
   * @param fromBytes first byte within the tensor
   * @param target native memory; filled wholly
   * @throws FaultException if the device fails or the file has become shorter since it was opened
   */
  public void read(Tensor tensor, long fromBytes, MemorySegment target) {
    if (fromBytes < 0 || target.byteSize() > tensor.bytes() - fromBytes) {
      throw new IndexOutOfBoundsException("bytes beyond the end of tensor " + tensor.name());
    }
    data.read(tensor.offsetBytes() + fromBytes, target, place(tensor));
  }

  @Override
  public void close() {
    data.close();
    try {
      channel.close();
    } catch (IOException e) {
      throw InputFiles.refusal(file, e);
    }
  }
}
