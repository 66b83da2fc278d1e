package dev.sluice.storage.store;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * {@code ffn.bin}: bodies one after another. A thread of its own hashes what is written, one piece at a time, while the
 * writer writes that piece and fills the next.
 */
final class FileLayerBodies implements LayerBodies {
  private final FileChannel channel;
  private final int layers;
  private final long bodyBytes;
  private final RunningSummary summary = new RunningSummary(); // the hashing thread's
  private final ExecutorService hashing =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("sluice-hashing").daemon().factory());
  private CompletableFuture<Void> hashed = CompletableFuture.completedFuture(null);

  FileLayerBodies(Path file, int layers, long bodyBytes) throws IOException {
    this.channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    this.layers = layers;
    this.bodyBytes = bodyBytes;
  }

  @Override
  public void write(int layer, Filler filler) throws IOException {
    long base = layer * bodyBytes;
    try {
      filler.fill(
          (offset, bytes) -> {
            awaitHash();
            hashed = CompletableFuture.runAsync(() -> summary.update(base + offset, bytes),
                hashing);
            writeFully(channel, base + offset, bytes);
          });
    } finally {
      awaitHash(); // the memory of the last piece is the filler's again
    }
  }

  private void awaitHash() {
    try {
      hashed.join();
    } catch (CompletionException e) {
      throw new IllegalStateException("hashing failed", e.getCause());
    }
  }

  static void writeFully(FileChannel channel, long offsetBytes, MemorySegment bytes)
      throws IOException {
    ByteBuffer buffer = bytes.asByteBuffer();
    while (buffer.hasRemaining()) {
      channel.write(buffer, offsetBytes + buffer.position());
    }
  }

  @Override
  public long[] finish() throws IOException {
    channel.force(true);
    long[] offsets = new long[layers];
    for (int layer = 0; layer < layers; layer++) {
      offsets[layer] = layer * bodyBytes;
    }
    return offsets;
  }

  @Override
  public Optional<FileScan.Summary> summary() {
    return summary.finish();
  }

  @Override
  public void close() throws IOException {
    hashing.shutdownNow();
    channel.close();
  }
}
