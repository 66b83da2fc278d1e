package dev.sluice.storage.trace;

import dev.sluice.storage.trace.TraceIndex.BlobEntry;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/**
 * Walks the records of a trace in file order and verifies each: what an unfinished file holds is known in no other way.
 * Stops for good at the first byte that is no whole, sound record. Reads payloads piecewise and allocates no length that
 * the file claims.
 */
final class RecordScan {
  /** What lay at the position. */
  enum Found {
    CHUNK,
    BLOB,
    NOTHING
  }

  private static final int PIECE_BYTES = 1 << 18;

  private final TraceChannel channel;
  private final TraceHeader header;
  private final long end;
  private final byte[] piece = new byte[PIECE_BYTES];
  private long position;
  private long recordOffset;
  private ChunkHead chunk;
  private String key;
  private BlobEntry blob;

  /**
   * @param start where the first record begins
   * @param end records lie before it
   */
  RecordScan(TraceChannel channel, TraceHeader header, long start, long end) {
    this.channel = channel;
    this.header = header;
    this.end = end;
    this.position = start;
  }

  /** First byte behind the records found so far. */
  long position() {
    return position;
  }

  /** Where the record just found begins. */
  long recordOffset() {
    return recordOffset;
  }

  /** The chunk just found. */
  ChunkHead chunk() {
    return chunk;
  }

  /** Key of the blob just found. */
  String key() {
    return key;
  }

  /** The blob just found. */
  BlobEntry blob() {
    return blob;
  }

  /** Moves over the next record that ends at or before {@code limit}. */
  Found next(long limit) {
    long available = Math.min(end, limit) - position;
    if (available < TraceFormat.BLOB_HEAD_BYTES) {
      return Found.NOTHING;
    }
    byte[] tag = new byte[4];
    channel.read(position, tag, tag.length);
    int found = TraceFormat.wrap(tag).getInt();
    if (found == TraceFormat.CHUNK_TAG) {
      return nextChunk(available);
    }
    return found == TraceFormat.BLOB_TAG ? nextBlob(available) : Found.NOTHING;
  }

  private Found nextChunk(long available) {
    long payload = available - TraceFormat.CHUNK_HEAD_BYTES;
    if (payload < 0) {
      return Found.NOTHING;
    }
    byte[] head = new byte[TraceFormat.CHUNK_HEAD_BYTES];
    channel.read(position, head, head.length);
    try {
      chunk = ChunkHead.decode(header, head, payload);
    } catch (IllegalArgumentException damaged) {
      return Found.NOTHING;
    }
    if (crc(position + head.length, chunk.storedBytes()) != chunk.payloadCrc()) {
      return Found.NOTHING;
    }
    recordOffset = position;
    position += chunk.recordBytes();
    return Found.CHUNK;
  }

  private Found nextBlob(long available) {
    byte[] head = new byte[TraceFormat.BLOB_HEAD_BYTES];
    channel.read(position, head, head.length);
    ByteBuffer source = TraceFormat.wrap(head).position(4);
    int keyBytes = source.getInt();
    int valueBytes = source.getInt();
    int payloadCrc = source.getInt();
    boolean sound =
        source.getInt() == TraceFormat.crc(head, 0, head.length - 4)
            && keyBytes >= 0
            && keyBytes <= TraceFormat.MAX_KEY_BYTES
            && valueBytes >= 0
            && (long) head.length + keyBytes + valueBytes <= available;
    if (!sound || crc(position + head.length, (long) keyBytes + valueBytes) != payloadCrc) {
      return Found.NOTHING;
    }
    byte[] name = new byte[keyBytes];
    channel.read(position + head.length, name, keyBytes);
    key = new String(name, StandardCharsets.UTF_8);
    if (!TraceFormat.validKey(key)) {
      return Found.NOTHING;
    }
    recordOffset = position;
    blob = new BlobEntry(position, valueBytes, payloadCrc);
    position += (long) head.length + keyBytes + valueBytes;
    return Found.BLOB;
  }

  private int crc(long offset, long length) {
    CRC32C crc = new CRC32C();
    long at = offset;
    for (long left = length; left > 0;) {
      int step = (int) Math.min(left, PIECE_BYTES);
      channel.read(at, piece, step);
      crc.update(piece, 0, step);
      at += step;
      left -= step;
    }
    return (int) crc.getValue();
  }
}
