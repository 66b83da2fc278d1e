package dev.sluice.bundler.pack;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.FfnLayout.Part;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.PageChecksums;
import dev.sluice.storage.store.Store;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;

/** One layer's bundles read from a store, verified, addressed by neuron. Memory belongs to the Arena given. */
final class StoredLayer {
  private static final int CHUNK_BYTES = 64 << 20;

  private final ModelSpec spec;
  private final MemorySegment bundles; // in neuron order, bundleBytes each

  private StoredLayer(ModelSpec spec, MemorySegment bundles) {
    this.spec = spec;
    this.bundles = bundles;
  }

  static StoredLayer read(Store store, int layer, Arena arena) {
    ModelSpec spec = store.spec();
    int neurons = spec.feedForward();
    int[] order = store.order(layer);
    MemorySegment bundles = arena.allocate((long) neurons * spec.bundleBytes(), 64);
    try (Arena local = Arena.ofConfined();
        FileChannel channel = FileChannel.open(store.ffn().file(), StandardOpenOption.READ)) {
      for (Part part : store.ffn().layers().get(layer)) {
        MemorySegment region = pages(store, channel, part, neurons, local);
        long lead = part.baseOffsetBytes() % PageChecksums.PAGE_BYTES;
        for (int p = 0; p < neurons; p++) {
          long to = (long) order[p] * spec.bundleBytes() + part.offsetInBundleBytes();
          MemorySegment.copy(region, lead + (long) p * part.strideBytes(), bundles, to,
              part.bytes());
        }
      }
    } catch (IOException e) {
      throw new FaultException(
          store.ffn().file(), "cannot be read (" + e.getMessage() + ")",
          "check the disk and try again", e);
    }
    return new StoredLayer(spec, bundles);
  }

  private static MemorySegment pages(Store store, FileChannel channel, Part part, int neurons,
      Arena arena)
      throws IOException {
    int page = PageChecksums.PAGE_BYTES;
    long from = part.baseOffsetBytes() / page * page;
    long to =
        (part.baseOffsetBytes() + (long) neurons * part.strideBytes() + page - 1) / page * page;
    MemorySegment region = arena.allocate(to - from, page);
    for (long at = 0; at < to - from;) {
      ByteBuffer target = region.asSlice(at, Math.min(CHUNK_BYTES, to - from - at)).asByteBuffer();
      int read = channel.read(target, from + at);
      if (read <= 0) {
        throw new FaultException(
            store.ffn().file(), "it ends at byte " + (from + at),
            "the store is damaged; import it again");
      }
      at += read;
    }
    store.ffnChecksums().verify(store.ffn().file(), from, region, 0, to - from);
    return region;
  }

  /** All bundles, in neuron order. */
  MemorySegment bundles() {
    return bundles;
  }

  /** Copies a neuron's bundle. */
  void copyBundle(int neuron, MemorySegment target) {
    MemorySegment.copy(bundles, (long) neuron * spec.bundleBytes(), target, 0, spec.bundleBytes());
  }
}
