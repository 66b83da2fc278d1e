package dev.sluice.storage.trace;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.trace.TraceIndex.BlobEntry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Optional;

/**
 * Writes a trace so that a kill at any instant loses at most the layer under way. Chunks go to {@code TARGET.partial};
 * after each layer they are made durable and {@code TARGET.state} is replaced; {@link #finish} adds the index and gives
 * the file its name. Opening again with an equal header goes on at {@link #completedLayers()}.
 *
 * <p>Not thread-safe. The partial file is locked, so a second process cannot write the same trace.
 */
public final class TraceWriter implements AutoCloseable {
  /** What to do when the target exists already. */
  public enum Existing {
    /** Leave it, and an unfinished trace of something else too, and refuse. */
    REFUSE,
    /** Replace it, at the instant the new trace is finished; drop an unfinished trace of something else. */
    REPLACE
  }

  static final String PARTIAL_SUFFIX = ".partial";

  private final Path target;
  private final Path stateFile;
  private final TraceHeader header;
  private final byte[] headerBytes;
  private final Existing existing;
  private final TraceChannel channel;
  private final ChunkCodec codec;
  private TraceIndex index;
  private long position;
  private int completedLayers;
  private byte[] state;
  private boolean finished;

  private TraceWriter(Path target, TraceHeader header, Existing existing, TraceChannel channel) {
    this.target = target;
    this.stateFile = stateFile(target);
    this.header = header;
    this.headerBytes = TraceFormat.encode(header);
    this.existing = existing;
    this.channel = channel;
    this.codec = new ChunkCodec(header);
  }

  /**
   * Begins a trace, or goes on with the unfinished one of an equal header.
   *
   * @throws BadInputException if the target exists and is to be left, an unfinished trace of something else is in the
   *     way, the folder is missing, or another process writes this trace
   * @throws dev.sluice.storage.FaultException on I/O errors, a full disk included
   */
  public static TraceWriter open(Path target, TraceHeader header, Existing existing) {
    refuseTarget(target, existing);
    Path folder = target.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new BadInputException(target, "its folder does not exist", "create it");
    }
    TraceChannel channel =
        TraceChannel.open(
            partialFile(target),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
    try {
      lock(channel);
      TraceWriter writer = new TraceWriter(target, header, existing, channel);
      writer.begin();
      return writer;
    } catch (RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  /** Where the trace lies until it is finished. */
  static Path partialFile(Path target) {
    return target.resolveSibling(target.getFileName() + PARTIAL_SUFFIX);
  }

  static Path stateFile(Path target) {
    return target.resolveSibling(target.getFileName() + ".state");
  }

  private static void refuseTarget(Path target, Existing existing) {
    if (existing == Existing.REFUSE && Files.exists(target)) {
      throw new BadInputException(target, "exists already",
          "pass --force to replace it, or name another file");
    }
    // Replacing is for traces: a rename would put a file in the place of a device or pipe.
    if (Files.exists(target) && !Files.isRegularFile(target)) {
      throw new BadInputException(
          target, Files.isDirectory(target) ? "is a folder" : "is no regular file",
          "name another file");
    }
  }

  private static void lock(TraceChannel channel) {
    try {
      if (channel.channel().tryLock() == null) {
        throw inUse(channel, null);
      }
    } catch (OverlappingFileLockException e) {
      throw inUse(channel, e);
    } catch (IOException e) {
      throw TraceChannel.fault(channel.file(), "lock", e);
    }
  }

  private static BadInputException inUse(TraceChannel channel, Exception origin) {
    return new BadInputException(
        channel.file(), "another run is writing it", "wait for it or name another file", origin);
  }

  private void begin() {
    byte[] found = new byte[(int) Math.min(channel.size(), headerBytes.length)];
    channel.read(0, found, found.length);
    boolean ours = Arrays.equals(found, 0, found.length, headerBytes, 0, found.length);
    if (!ours && !isTornHeader(found) && existing == Existing.REFUSE) {
      throw new BadInputException(
          channel.file(),
          "holds an unfinished trace of another model, text or rule",
          "finish that one, pass --force to replace it, or name another file");
    }
    Resumption resumption;
    if (ours && found.length == headerBytes.length) {
      var saved = ResumeState.load(stateFile, headerBytes);
      resumption = Resumption.of(channel, header, headerBytes.length, saved);
    } else {
      resumption = Resumption.fresh(header, headerBytes.length);
      channel.truncate(0);
      channel.write(0, headerBytes, headerBytes.length);
    }
    if (resumption.completedLayers() == 0) {
      TraceChannel.delete(stateFile);
    }
    index = resumption.index();
    position = resumption.goodBytes();
    completedLayers = resumption.completedLayers();
    state = resumption.state();
    channel.truncate(position);
    resumption.looseBlobs().forEach(this::blob);
  }

  /** Whether a power cut left the file with the beginning of this header, zeros after it, and nothing else. */
  private boolean isTornHeader(byte[] found) {
    int arrived = Arrays.mismatch(found, headerBytes);
    for (int k = Math.max(0, arrived); k < found.length; k++) {
      if (found[k] != 0) {
        return false;
      }
    }
    return channel.size() == found.length;
  }

  /** What is being recorded. */
  public TraceHeader header() {
    return header;
  }

  /** Layers that are durable, from layer 0; the next chunk belongs to the layer of this number. */
  public int completedLayers() {
    return completedLayers;
  }

  /**
   * What an interrupted run gave to {@link #endLayer} with the last layer that it completed; empty if there was none. The
   * caller's from now on (it may be large, so it is not copied); forgotten with the next {@link #endLayer}.
   */
  public byte[] state() {
    return state;
  }

  /**
   * Adds the next chunk of a layer. Chunks come in the order of their tokens.
   *
   * @param chunk not kept; its tokens must be those that {@link TraceHeader#tokensOf} names
   * @throws IllegalArgumentException if it is not the chunk that comes next, has another shape, or holds a magnitude
   *     that is negative or not a number
   */
  public void append(int layer, int firstToken, TraceChunk chunk) {
    requireUnfinished();
    int next = index.nextChunkIndex();
    if (layer != completedLayers
        || index.nextLayer() != completedLayers
        || firstToken != header.firstToken(next)) {
      throw new IllegalArgumentException(
          "layer " + layer + " token " + firstToken + " is not the chunk that comes next");
    }
    if (chunk.neurons() != header.neurons() || chunk.tokens() != header.tokensOf(next)) {
      throw new IllegalArgumentException(
          "chunk of " + chunk.tokens() + " tokens and " + chunk.neurons()
              + " neurons does not fit");
    }
    ChunkCodec.Encoded encoded = codec.encode(layer, firstToken, chunk);
    byte[] head = encoded.head().encode();
    channel.write(position, head, head.length);
    channel.write(position + head.length, encoded.payload(), encoded.head().storedBytes());
    index.add(position, encoded.head().firings(), encoded.head().payloadCrc());
    position += encoded.head().recordBytes();
  }

  /**
   * Makes a layer durable.
   *
   * @param nextState what is needed to go on with the next layer, such as its input; kept in {@code TARGET.state}
   * @throws IllegalArgumentException if not all chunks of this layer were added
   */
  public void endLayer(int layer, byte[] nextState) {
    requireUnfinished();
    if (layer != completedLayers || index.nextLayer() != layer + 1) {
      throw new IllegalArgumentException("layer " + layer + " is not complete");
    }
    channel.force();
    new ResumeState(layer, position, nextState).save(stateFile, headerBytes);
    completedLayers = layer + 1;
    state = new byte[0];
  }

  /**
   * Keeps a named value. It survives an interruption, and is durable with the next {@link #endLayer} or {@link #finish}.
   * A value given again under the same key replaces the earlier one; the same value is not written twice.
   *
   * @throws IllegalArgumentException if the key is not 1 .. {@link TraceFormat#MAX_KEY_BYTES} printable ASCII characters,
   *     or there are {@link TraceFormat#MAX_BLOBS} others
   */
  public void blob(String key, byte[] value) {
    requireUnfinished();
    BlobEntry before = index.blobs().get(key);
    if (!TraceFormat.validKey(key)
        || (before == null && index.blobs().size() == TraceFormat.MAX_BLOBS)) {
      throw new IllegalArgumentException("blob key " + key + " is no key or one too many");
    }
    byte[] name = key.getBytes(StandardCharsets.US_ASCII);
    int headBytes = TraceFormat.BLOB_HEAD_BYTES;
    byte[] record = new byte[Math.addExact(headBytes + name.length, value.length)];
    ByteBuffer target = TraceFormat.wrap(record);
    target.position(headBytes).put(name).put(value);
    int crc = TraceFormat.crc(record, headBytes, record.length - headBytes);
    if (before != null && before.valueBytes() == value.length && before.payloadCrc() == crc) {
      byte[] old = new byte[value.length];
      channel.read(before.offset() + record.length - value.length, old, old.length);
      if (Arrays.equals(old, value)) {
        return;
      }
    }
    target.position(0).putInt(TraceFormat.BLOB_TAG).putInt(name.length).putInt(value.length);
    target.putInt(crc).putInt(TraceFormat.crc(record, 0, headBytes - 4));
    channel.write(position, record, record.length);
    index.blobs().put(key, new BlobEntry(position, value.length, crc));
    position += record.length;
  }

  /** A value given so far under this key, before an interruption or since. */
  public Optional<byte[]> blob(String key) {
    BlobEntry entry = index.blobs().get(key);
    if (entry == null) {
      return Optional.empty();
    }
    int nameBytes = key.getBytes(StandardCharsets.UTF_8).length;
    byte[] value = new byte[entry.valueBytes()];
    channel.read(entry.offset() + TraceFormat.BLOB_HEAD_BYTES + nameBytes, value, value.length);
    return Optional.of(value);
  }

  /**
   * Adds the index, makes everything durable and gives the file its name.
   *
   * @throws IllegalStateException if a layer is missing
   * @throws BadInputException if the target has come to exist meanwhile and is to be left; the partial file stays
   */
  public void finish() {
    requireUnfinished();
    if (completedLayers != header.layers()) {
      throw new IllegalStateException(
          completedLayers + " of " + header.layers() + " layers traced");
    }
    byte[] tail = index.encode(position);
    channel.write(position, tail, tail.length);
    channel.force();
    refuseTarget(target, existing);
    TraceChannel.publish(channel.file(), target);
    finished = true;
    TraceChannel.delete(stateFile);
  }

  private void requireUnfinished() {
    if (finished) {
      throw new IllegalStateException(target + " is finished");
    }
  }

  /** Releases the file. Without {@link #finish} the partial file stays, to be resumed, unless there is nothing in it. */
  @Override
  public void close() {
    try {
      if (!finished && completedLayers == 0 && index.blobs().isEmpty()) {
        TraceChannel.delete(channel.file());
      }
    } finally {
      channel.close();
    }
  }
}
