package dev.sluice.storage.store;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** {@code ffn.bin}: bodies one after another. */
final class FileLayerBodies implements LayerBodies {
  private final FileChannel channel;
  private final int layers;
  private final long bodyBytes;

  FileLayerBodies(Path file, int layers, long bodyBytes) throws IOException {
    this.channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    this.layers = layers;
    this.bodyBytes = bodyBytes;
  }

  @Override
  public void write(int layer, Filler filler) throws IOException {
    long base = layer * bodyBytes;
    filler.fill((offset, bytes) -> writeFully(channel, base + offset, bytes));
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
  public void close() throws IOException {
    channel.close();
  }
}
