package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.input.InputFiles;
import dev.sluice.bundler.input.Shown;
import dev.sluice.bundler.input.WeightData;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * One safetensors file, checked when opened: header inside the file and at most 100 MB, no repeated
 * names, tensors side by side from the end of the header to the end of the file without overlap or
 * gap (the format allows neither).
 *
 * <p>Data is read by position into native memory and never mapped: a file cut short underneath then
 * is an error, not a crash of the process. Reads may run on several threads at once.
 */
final class SafetensorsFile implements AutoCloseable {
  /** The limit of the format's reference reader. */
  static final long HEADER_LIMIT_BYTES = 100_000_000;

  private static final int LENGTH_FIELD_BYTES = 8;

  /**
   * @param shape elements per dimension, outermost first; row-major
   * @param offsetBytes where the data begins in the file
   */
  record Tensor(String name, ElementType type, List<Long> shape, long offsetBytes, long bytes) {}

  private final Path file;
  private final WeightData data;
  private final Map<String, Tensor> tensors;

  private SafetensorsFile(Path file, WeightData data, Map<String, Tensor> tensors) {
    this.file = file;
    this.data = data;
    this.tensors = Collections.unmodifiableMap(tensors);
  }

  /**
   * Opens and checks a file.
   *
   * @throws BadInputException naming the file, and the tensor at fault if it is one
   * @throws FaultException if the device fails
   */
  static SafetensorsFile open(Path file) {
    try (FileChannel channel = InputFiles.open(file)) {
      Map<String, Tensor> tensors = parse(file, channel);
      return new SafetensorsFile(file, WeightData.open(file), tensors);
    } catch (IOException e) {
      throw InputFiles.refusal(file, e);
    }
  }

  Path file() {
    return file;
  }

  /** Tensors by name, in the header's order. */
  Map<String, Tensor> tensors() {
    return tensors;
  }

  /** SHA-256 of the list of tensors, in hexadecimal. */
  String headerDigest() {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      for (Tensor tensor : tensors.values()) {
        sha256.update((tensor + "\n").getBytes(StandardCharsets.UTF_8));
      }
      return HexFormat.of().formatHex(sha256.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** How messages name a tensor of a file. */
  static String place(Path file, String tensor) {
    return file + ", tensor " + Shown.of(tensor);
  }

  /**
   * Reads part of a tensor.
   *
   * @param fromBytes first byte within the tensor
   * @param target native memory; filled wholly
   * @throws FaultException if the device fails or the file has become shorter since it was opened
   */
  void read(Tensor tensor, long fromBytes, MemorySegment target) {
    if (fromBytes < 0 || target.byteSize() > tensor.bytes() - fromBytes) {
      throw new IndexOutOfBoundsException("bytes beyond the end of tensor " + tensor.name());
    }
    data.read(tensor.offsetBytes() + fromBytes, target, place(file, tensor.name()));
  }

  @Override
  public void close() {
    data.close();
  }

  private static Map<String, Tensor> parse(Path file, FileChannel channel) throws IOException {
    long fileBytes = channel.size();
    ByteBuffer length = ByteBuffer.allocate(LENGTH_FIELD_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    while (length.hasRemaining()) {
      if (channel.read(length, length.position()) < 0) {
        throw new BadInputException(
            file, "it is too short for a safetensors file", "fetch the file again");
      }
    }
    long headerBytes = length.getLong(0);
    if (headerBytes < 0 || headerBytes > HEADER_LIMIT_BYTES) {
      throw new BadInputException(
          file,
          "its header claims "
              + Long.toUnsignedString(headerBytes)
              + " bytes, over the limit of "
              + HEADER_LIMIT_BYTES,
          "check that it is a safetensors file");
    }
    if (headerBytes > fileBytes - LENGTH_FIELD_BYTES) {
      throw new BadInputException(
          file,
          "its header claims " + headerBytes + " bytes, but only "
              + (fileBytes - LENGTH_FIELD_BYTES) + " follow its length",
          "the download may be incomplete: fetch the file again");
    }
    Map<String, Tensor> tensors = SafetensorsHeader.parse(file, channel, headerBytes);
    requireSideBySide(file, tensors, LENGTH_FIELD_BYTES + headerBytes, fileBytes);
    return tensors;
  }

  private static void requireSideBySide(
      Path file, Map<String, Tensor> tensors, long dataStartBytes, long fileBytes) {
    List<Tensor> byOffset = new ArrayList<>(tensors.values());
    byOffset.sort(Comparator.comparingLong(Tensor::offsetBytes).thenComparingLong(Tensor::bytes));
    long endBytes = dataStartBytes;
    for (Tensor tensor : byOffset) {
      if (tensor.offsetBytes() + tensor.bytes() > fileBytes) {
        throw new BadInputException(
            place(file, tensor.name()),
            "its data ends at byte "
                + (tensor.offsetBytes() + tensor.bytes())
                + " of a file of "
                + fileBytes,
            "the download may be incomplete: fetch the file again");
      }
      if (tensor.offsetBytes() != endBytes) {
        throw new BadInputException(
            place(file, tensor.name()),
            tensor.offsetBytes() < endBytes
                ? "its data overlaps that of another tensor"
                : "its data leaves a gap of "
                    + (tensor.offsetBytes() - endBytes)
                    + " bytes before it",
            "fetch or convert the file again");
      }
      endBytes += tensor.bytes();
    }
    if (endBytes != fileBytes) {
      throw new BadInputException(
          file,
          "its tensors end at byte " + endBytes + ", but the file has " + fileBytes,
          "fetch or convert the file again");
    }
  }
}
