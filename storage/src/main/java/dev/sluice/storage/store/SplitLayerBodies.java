package dev.sluice.storage.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/** {@code ffn.bin} whose bodies consist of several regions that grow in turns. */
final class SplitLayerBodies implements LayerBodies {
  private final FileChannel channel;
  private final int layers;
  private final long bodyBytes;

  SplitLayerBodies(Path file, int layers, long bodyBytes) throws IOException {
    this.channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    this.layers = layers;
    this.bodyBytes = bodyBytes;
  }

  @Override
  public void write(int layer, Filler filler) throws IOException {
    long base = layer * bodyBytes;
    filler.fill((offset, bytes) -> SequentialFile.writeFully(channel, base + offset, bytes));
  }

  @Override
  public long[] finish() {
    return FileLayerBodies.offsets(layers, bodyBytes);
  }

  @Override
  public void force() throws IOException {
    channel.force(true);
  }

  /** Empty: digests need the file's order. */
  @Override
  public Optional<FileScan.Summary> summary() {
    return Optional.empty();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
