package dev.sluice.storage.trace;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.SplittableRandom;

/**
 * A small trace that a seed and its header decide entirely, with a tracer that goes on where an earlier one was stopped.
 * Its states carry the layer number, so that a wrong state is noticed.
 */
record SyntheticTrace(TraceHeader header, long seed, double active) {
  static final SyntheticTrace SMALL =
      new SyntheticTrace(
          new TraceHeader("store-digest", "text-digest", 3, 100, 70, 32, "output", "dense"), 7,
          0.2);

  TraceChunk chunk(int layer, int chunkIndex) {
    SplittableRandom random = new SplittableRandom(seed * 1_000_003 + layer * 1009L + chunkIndex);
    TraceChunk chunk = new TraceChunk(header.chunkTokens(), header.neurons());
    chunk.clear(header.tokensOf(chunkIndex));
    for (int t = 0; t < chunk.tokens(); t++) {
      for (int n = 0; n < header.neurons(); n++) {
        if (random.nextDouble() < active) {
          chunk.fire(t, n, (float) Math.exp(random.nextDouble(-20, 12)));
        }
      }
    }
    return chunk;
  }

  byte[] state(int layer) {
    return ("state after layer " + layer).getBytes(StandardCharsets.UTF_8);
  }

  byte[] blobOf(int layer) {
    return ("norms of layer " + layer).repeat(layer + 1).getBytes(StandardCharsets.UTF_8);
  }

  /** What is called after each durable layer, with the length of the partial file at that moment. */
  interface LayerListener {
    void layerDone(int layer) throws IOException;
  }

  /** Traces from wherever the writer stands to the end. */
  void traceRest(TraceWriter writer, LayerListener listener) throws IOException {
    for (int layer = writer.completedLayers(); layer < header.layers(); layer++) {
      for (int c = 0; c < header.chunksPerLayer(); c++) {
        writer.append(layer, header.firstToken(c), chunk(layer, c));
      }
      writer.endLayer(layer, state(layer));
      listener.layerDone(layer);
      writer.blob("norms/" + layer, blobOf(layer));
    }
  }

  Path write(Path target) throws IOException {
    try (TraceWriter writer = TraceWriter.open(target, header, TraceWriter.Existing.REFUSE)) {
      traceRest(writer, layer -> {});
      writer.finish();
    }
    return target;
  }
}
