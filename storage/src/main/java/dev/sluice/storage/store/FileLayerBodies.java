package dev.sluice.storage.store;

import java.io.IOException;
import java.util.Optional;

/** {@code ffn.bin} whose bodies are written one after another, each from start to end. */
final class FileLayerBodies implements LayerBodies {
  private final SequentialFile file;
  private final int layers;
  private final long bodyBytes;

  FileLayerBodies(SequentialFile file, int layers, long bodyBytes) {
    this.file = file;
    this.layers = layers;
    this.bodyBytes = bodyBytes;
  }

  @Override
  public void write(int layer, Filler filler) throws IOException {
    long base = layer * bodyBytes;
    filler.fill(
        (offset, bytes) -> {
          if (base + offset != file.bytes()) {
            throw new IllegalStateException(
                "byte " + (base + offset) + " cannot follow " + file.bytes() + " bytes");
          }
          file.append(bytes);
        });
  }

  @Override
  public long[] finish() throws IOException {
    file.flush();
    return offsets(layers, bodyBytes);
  }

  @Override
  public void force() throws IOException {
    file.force();
  }

  static long[] offsets(int layers, long bodyBytes) {
    long[] offsets = new long[layers];
    for (int layer = 0; layer < layers; layer++) {
      offsets[layer] = layer * bodyBytes;
    }
    return offsets;
  }

  @Override
  public Optional<FileScan.Summary> summary() {
    return Optional.of(file.summary());
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
