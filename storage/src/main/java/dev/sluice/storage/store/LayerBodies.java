package dev.sluice.storage.store;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** Where the bodies of layers go while a store is written. Used by one thread. */
sealed interface LayerBodies extends AutoCloseable
    permits FileLayerBodies, SplitLayerBodies, LmdbLayerBodies {
  /**
   * Accepts the bytes of one body, each byte exactly once, those of a part in its order. They are copied before the call
   * returns.
   */
  @FunctionalInterface
  interface Body {
    void put(long offsetInBodyBytes, MemorySegment bytes) throws IOException;
  }

  /** Produces all bytes of one body. */
  @FunctionalInterface
  interface Filler {
    void fill(Body body) throws IOException;
  }

  /** Writes the next layer's body, of the size given at construction. */
  void write(int layer, Filler filler) throws IOException;

  /** Gives everything to the system; returns the file offset of each layer's body, a multiple of the page size. */
  long[] finish() throws IOException;

  /** After {@link #finish}: returns when everything is on the device. Any thread. */
  void force() throws IOException;

  /** Digest and checksums of the finished file, if they are known without reading it. */
  Optional<FileScan.Summary> summary();

  @Override
  void close() throws IOException;
}
