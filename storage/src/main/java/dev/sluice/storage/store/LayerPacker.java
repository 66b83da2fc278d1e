package dev.sluice.storage.store;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Lays one layer's neurons out in disk order. Every byte of the body is written, padding as zeros, so that reads of
 * padded layouts cost what they would on data. Needs some hundred KiB whatever the layer's size, and keeps them from
 * layer to layer until closed. Used by one thread.
 */
final class LayerPacker implements AutoCloseable {
  /** Stays in cache until it is copied. */
  private static final int CHUNK_BYTES = 1 << 18;

  private static final int ALIGNMENT_BYTES = 64;

  private final LayerGeometry geometry;
  private final int chunkNeurons;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment bundle;
  private final MemorySegment[] chunks; // of each part
  private final MemorySegment tail; // zeros

  LayerPacker(LayerGeometry geometry, int bundleBytes) {
    this.geometry = geometry;
    int parts = geometry.parts().size();
    int widest =
        geometry.parts().stream().mapToInt(FfnLayout.Part::strideBytes).max().orElseThrow();
    this.chunkNeurons = Math.clamp(CHUNK_BYTES / widest, 1, geometry.neurons());
    this.bundle = arena.allocate(bundleBytes, ALIGNMENT_BYTES);
    this.chunks = new MemorySegment[parts];
    for (int k = 0; k < parts; k++) {
      // Zeroed by the arena; bytes between part and stride are never touched again.
      chunks[k] =
          arena.allocate((long) chunkNeurons * geometry.parts().get(k).strideBytes(),
              ALIGNMENT_BYTES);
    }
    this.tail = arena.allocate(StoreFormat.PAGE_BYTES, ALIGNMENT_BYTES);
  }

  /**
   * @param order disk position → neuron, a permutation
   * @throws SourceException if the source failed, to tell it from a failure to write
   */
  void pack(int[] order, NeuronSource source, LayerBodies.Body body) throws IOException {
    int parts = geometry.parts().size();
    for (int first = 0; first < geometry.neurons(); first += chunkNeurons) {
      int count = Math.min(chunkNeurons, geometry.neurons() - first);
      for (int i = 0; i < count; i++) {
        lay(source, order[first + i], i);
      }
      for (int k = 0; k < parts; k++) {
        FfnLayout.Part part = geometry.parts().get(k);
        body.put(part.offsetBytes(first),
            chunks[k].asSlice(0, (long) count * part.strideBytes()));
      }
    }
    for (int k = 0; k < parts; k++) {
      FfnLayout.Part part = geometry.parts().get(k);
      long usedBytes = (long) geometry.neurons() * part.strideBytes();
      body.put(
          part.baseOffsetBytes() + usedBytes,
          tail.asSlice(0, geometry.regionBytes(k) - usedBytes));
    }
  }

  /** A neuron's parts, each at the {@code i}-th place of its chunk; a bundle that is not taken apart is copied once only. */
  private void lay(NeuronSource source, int neuron, int i) throws SourceException {
    if (chunks.length == 1) {
      long at = (long) i * geometry.parts().getFirst().strideBytes();
      copyBundle(source, neuron, chunks[0].asSlice(at, bundle.byteSize()));
      return;
    }
    copyBundle(source, neuron, bundle);
    for (int k = 0; k < chunks.length; k++) {
      FfnLayout.Part part = geometry.parts().get(k);
      MemorySegment.copy(
          bundle, part.offsetInBundleBytes(), chunks[k], (long) i * part.strideBytes(),
          part.bytes());
    }
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }

  private static void copyBundle(NeuronSource source, int neuron, MemorySegment bundle)
      throws SourceException {
    try {
      source.copyBundle(neuron, bundle);
    } catch (IOException e) {
      throw new SourceException(neuron, e);
    }
  }

  /** The checkpoint could not be read. */
  static final class SourceException extends IOException {
    private static final long serialVersionUID = 1;

    SourceException(int neuron, IOException cause) {
      super("neuron " + neuron + ": " + cause.getMessage(), cause);
    }
  }
}
