package dev.sluice.storage.trace;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What of an unfinished trace can be kept: everything up to the last layer that its {@link ResumeState} vouches for, if
 * that verifies; all blobs in any case. If the state is missing, or vouches for more than is there, tracing starts again
 * at layer 0, for the states that earlier layers need are gone.
 *
 * @param index the chunks and blobs that stay where they are
 * @param goodBytes length to which the file is to be cut
 * @param completedLayers layers that need not run again
 * @param state what the tracer saved with the last of them; empty when there is none
 * @param looseBlobs blobs that lie beyond the cut and are to be written again
 */
record Resumption(
    TraceIndex index,
    long goodBytes,
    int completedLayers,
    byte[] state,
    Map<String, byte[]> looseBlobs) {

  static Resumption fresh(TraceHeader header, long headerBytes) {
    return new Resumption(new TraceIndex(header), headerBytes, 0, new byte[0], Map.of());
  }

  static Resumption of(
      TraceChannel channel, TraceHeader header, long headerBytes, Optional<ResumeState> saved) {
    if (saved.isPresent()) {
      ResumeState state = saved.get();
      TraceIndex index = new TraceIndex(header);
      RecordScan scan = new RecordScan(channel, header, headerBytes, channel.size());
      keep(scan, index, state.goodBytes());
      boolean vouched =
          scan.position() == state.goodBytes()
              && state.layer() < header.layers()
              && index.chunks() == (state.layer() + 1) * header.chunksPerLayer();
      if (vouched) {
        return rest(channel, index, scan, state.layer() + 1, state.state());
      }
    }
    RecordScan scan = new RecordScan(channel, header, headerBytes, channel.size());
    return rest(channel, new TraceIndex(header), scan, 0, new byte[0]);
  }

  /** Enters sound records into the index as long as chunks come in their order. */
  private static void keep(RecordScan scan, TraceIndex index, long limit) {
    while (true) {
      switch (scan.next(limit)) {
        case BLOB -> index.blobs().put(scan.key(), scan.blob());
        case CHUNK -> {
          if (!index.expects(scan.chunk())) {
            return;
          }
          index.add(scan.recordOffset(), scan.chunk().firings(), scan.chunk().payloadCrc());
        }
        case NOTHING -> {
          return;
        }
      }
    }
  }

  /** Blobs that follow directly stay; those behind chunks that will be cut off are carried over. */
  private static Resumption rest(
      TraceChannel channel,
      TraceIndex index,
      RecordScan scan,
      int completedLayers,
      byte[] state) {
    Map<String, byte[]> loose = new LinkedHashMap<>();
    long goodBytes = scan.position();
    while (true) {
      RecordScan.Found found = scan.next(Long.MAX_VALUE);
      if (found == RecordScan.Found.NOTHING) {
        return new Resumption(index, goodBytes, completedLayers, state, loose);
      }
      if (found == RecordScan.Found.BLOB) {
        if (scan.recordOffset() == goodBytes) {
          index.blobs().put(scan.key(), scan.blob());
          goodBytes = scan.position();
        } else {
          byte[] value = new byte[scan.blob().valueBytes()];
          channel.read(scan.position() - value.length, value, value.length);
          loose.put(scan.key(), value);
        }
      }
    }
  }
}
