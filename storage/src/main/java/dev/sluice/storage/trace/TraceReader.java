package dev.sluice.storage.trace;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.trace.TraceIndex.BlobEntry;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Reads a finished trace at random. Header, footer and index are verified on opening, each chunk and blob when it is
 * read; no length in the file is believed before it is checked against the file's size and {@link TraceFormat}'s limits.
 * Holds the index in memory (16 bytes per chunk) and one chunk's packed bytes. Not thread-safe: open one per thread.
 */
public final class TraceReader implements AutoCloseable {
  private static final String AGAIN = "make the trace again";

  private final TraceChannel channel;
  private final TraceHeader header;
  private final TraceIndex index;
  private final long recordsStart;
  private final long recordsEnd;
  private final String digest;
  private final ChunkCodec codec;

  private record Opened(TraceHeader header, byte[] bytes) {}

  private TraceReader(
      TraceChannel channel, Opened opened, TraceIndex index, long recordsEnd, String digest) {
    this.channel = channel;
    this.header = opened.header();
    this.index = index;
    this.recordsStart = opened.bytes().length;
    this.recordsEnd = recordsEnd;
    this.digest = digest;
    this.codec = new ChunkCodec(header);
  }

  /**
   * Opens and verifies.
   *
   * @throws BadInputException if there is no such file, it is no trace, it is unfinished, damaged, or of a version that
   *     this code does not read
   * @throws dev.sluice.storage.FaultException on I/O errors
   */
  public static TraceReader open(Path file) {
    if (!Files.exists(file) && Files.exists(TraceWriter.partialFile(file))) {
      throw unfinished(TraceWriter.partialFile(file));
    }
    if (Files.isDirectory(file)) {
      throw new BadInputException(file, "is a folder, not a trace",
          "give the file that `sluice trace` wrote");
    }
    TraceChannel channel = TraceChannel.open(file, StandardOpenOption.READ);
    try {
      Opened opened = readHeader(channel);
      return readIndex(channel, opened);
    } catch (RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static Opened readHeader(TraceChannel channel) {
    Path file = channel.file();
    long size = channel.size();
    byte[] prefixBytes = new byte[TraceFormat.HEADER_PREFIX_BYTES];
    ByteBuffer prefix = TraceFormat.wrap(prefixBytes);
    if (size < prefixBytes.length) {
      throw new BadInputException(file, "is too short for a trace (" + size + " bytes)", AGAIN);
    }
    channel.read(0, prefixBytes, prefixBytes.length);
    if (prefix.getLong() != TraceFormat.MAGIC) {
      throw new BadInputException(file, "is not a Sluice trace",
          "give the file that `sluice trace` wrote");
    }
    int version = prefix.getInt();
    if (version < TraceFormat.OLDEST_VERSION || version > TraceFormat.VERSION) {
      throw new BadInputException(
          file,
          "is of trace version " + version + ", this Sluice reads " + TraceFormat.OLDEST_VERSION
              + " to " + TraceFormat.VERSION,
          "use the Sluice that wrote it or make the trace again");
    }
    int bodyBytes = prefix.getInt();
    if (bodyBytes < 0
        || bodyBytes > TraceFormat.MAX_HEADER_BODY_BYTES
        || prefixBytes.length + bodyBytes + 4L > size) {
      throw damaged(file, "its header claims " + bodyBytes + " bytes", null);
    }
    byte[] bytes = new byte[prefixBytes.length + bodyBytes + 4];
    channel.read(0, bytes, bytes.length);
    ByteBuffer all = TraceFormat.wrap(bytes);
    if (all.getInt(bytes.length - 4) != TraceFormat.crc(bytes, 0, bytes.length - 4)) {
      throw damaged(file, "its header has a wrong checksum", null);
    }
    try {
      all.position(prefixBytes.length).limit(bytes.length - 4);
      return new Opened(TraceFormat.decodeBody(all), bytes);
    } catch (IllegalArgumentException e) {
      throw damaged(file, "its header makes no sense: " + e.getMessage(), e);
    }
  }

  private static TraceReader readIndex(TraceChannel channel, Opened opened) {
    Path file = channel.file();
    long size = channel.size();
    long footerStart = size - TraceFormat.FOOTER_BYTES;
    if (footerStart < opened.bytes().length) {
      throw unfinished(file);
    }
    byte[] footerBytes = new byte[TraceFormat.FOOTER_BYTES];
    channel.read(footerStart, footerBytes, footerBytes.length);
    ByteBuffer footer = TraceFormat.wrap(footerBytes);
    if (footer.getLong(TraceFormat.FOOTER_BYTES - 8) != TraceFormat.END_MAGIC) {
      throw unfinished(file);
    }
    int tag = footer.getInt();
    int indexCrc = footer.getInt();
    long indexOffset = footer.getLong();
    long indexBytes = footer.getLong();
    long fileBytes = footer.getLong();
    boolean sound =
        tag == TraceFormat.FOOTER_TAG
            && footer.getInt() == TraceFormat.crc(footerBytes, 0, 32)
            && fileBytes == size
            && indexOffset >= opened.bytes().length
            && indexBytes >= TraceFormat.INDEX_HEAD_BYTES
            && indexBytes <= footerStart
            && indexOffset == footerStart - indexBytes;
    if (!sound || indexBytes > Integer.MAX_VALUE - 8) {
      throw damaged(file, "its footer at byte " + footerStart + " is wrong", null);
    }
    byte[] bytes = new byte[(int) indexBytes];
    channel.read(indexOffset, bytes, bytes.length);
    if (TraceFormat.crc(bytes, 0, bytes.length) != indexCrc) {
      throw damaged(file, "its index at byte " + indexOffset + " has a wrong checksum", null);
    }
    try {
      TraceIndex index =
          TraceIndex.decode(opened.header(), bytes, opened.bytes().length, indexOffset);
      MessageDigest sha256 = ResumeState.sha256();
      sha256.update(opened.bytes());
      index.digest(sha256);
      String digest = HexFormat.of().formatHex(sha256.digest());
      return new TraceReader(channel, opened, index, indexOffset, digest);
    } catch (IllegalArgumentException e) {
      throw damaged(file, "its index at byte " + indexOffset + " " + e.getMessage(), e);
    }
  }

  /** What was recorded. */
  public TraceHeader header() {
    return header;
  }

  /**
   * Hex SHA-256 of the header and of the index's checksums of every chunk and blob: it names the content, wherever an
   * interruption may have put the records.
   */
  public String digest() {
    return digest;
  }

  /** Chunks of a layer, the same number for all. */
  public int chunkCount(int layer) {
    Objects.checkIndex(layer, header.layers());
    return header.chunksPerLayer();
  }

  /** Firings in a layer over all tokens, from the index alone. */
  public long firings(int layer) {
    long firings = 0;
    for (int c = 0; c < chunkCount(layer); c++) {
      firings += index.firings(layer, c);
    }
    return firings;
  }

  /**
   * Reads one chunk; it begins with token {@link TraceHeader#firstToken} of its index.
   *
   * @param reuse a chunk to fill, or null; one that does not fit is left alone and a new one returned
   * @throws BadInputException if the chunk is damaged
   */
  public TraceChunk read(int layer, int chunkIndex, TraceChunk reuse) {
    Objects.checkIndex(chunkIndex, chunkCount(layer));
    long offset = index.offset(layer, chunkIndex);
    byte[] head = new byte[TraceFormat.CHUNK_HEAD_BYTES];
    channel.read(offset, head, head.length);
    try {
      ChunkHead chunk = ChunkHead.decode(header, head, recordsEnd - offset - head.length);
      boolean indexed =
          chunk.layer() == layer
              && chunk.firstToken() == header.firstToken(chunkIndex)
              && chunk.firings() == index.firings(layer, chunkIndex)
              && chunk.payloadCrc() == index.payloadCrc(layer, chunkIndex);
      if (!indexed) {
        throw new IllegalArgumentException("is not the one that the index names");
      }
      channel.read(offset + head.length, codec.payloadBuffer(chunk), chunk.storedBytes());
      return codec.decode(chunk, reuse);
    } catch (IllegalArgumentException e) {
      throw damaged(
          channel.file(),
          "layer " + layer + " chunk " + chunkIndex + " at byte " + offset + " " + e.getMessage(),
          e);
    }
  }

  /** Keys of the blobs, ascending. */
  public List<String> blobKeys() {
    return List.copyOf(index.blobs().keySet());
  }

  /**
   * The value kept under a key.
   *
   * @throws BadInputException if it is damaged
   */
  public Optional<byte[]> blob(String key) {
    BlobEntry entry = index.blobs().get(key);
    if (entry == null) {
      return Optional.empty();
    }
    RecordScan scan = new RecordScan(channel, header, entry.offset(), recordsEnd);
    boolean sound =
        scan.next(recordsEnd) == RecordScan.Found.BLOB
            && scan.key().equals(key)
            && scan.blob().equals(entry);
    if (!sound) {
      throw damaged(channel.file(), "blob " + key + " at byte " + entry.offset() + " is wrong",
          null);
    }
    byte[] value = new byte[entry.valueBytes()];
    channel.read(
        entry.offset() + TraceFormat.BLOB_HEAD_BYTES + key.getBytes(StandardCharsets.UTF_8).length,
        value,
        value.length);
    return Optional.of(value);
  }

  /**
   * Reads the whole file and checks every record, superseded blobs included.
   *
   * @throws BadInputException naming the first place that is damaged
   */
  public void verify() {
    RecordScan scan = new RecordScan(channel, header, recordsStart, recordsEnd);
    while (scan.position() < recordsEnd) {
      if (scan.next(recordsEnd) == RecordScan.Found.NOTHING) {
        throw damaged(channel.file(), "the record at byte " + scan.position() + " is wrong", null);
      }
    }
    TraceChunk chunk = null;
    for (int layer = 0; layer < header.layers(); layer++) {
      for (int c = 0; c < header.chunksPerLayer(); c++) {
        chunk = read(layer, c, chunk);
      }
    }
    blobKeys().forEach(this::blob);
  }

  private static BadInputException unfinished(Path file) {
    boolean partial = file.toString().endsWith(TraceWriter.PARTIAL_SUFFIX);
    return new BadInputException(
        file,
        partial ? "the trace is unfinished" : "the trace is unfinished or was cut short",
        partial ? "run the same `sluice trace` again: it resumes where it stopped" : AGAIN);
  }

  private static BadInputException damaged(Path file, String where, Exception origin) {
    return new BadInputException(file, where, AGAIN, origin);
  }

  @Override
  public void close() {
    channel.close();
  }
}
