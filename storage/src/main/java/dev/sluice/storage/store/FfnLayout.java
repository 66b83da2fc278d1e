package dev.sluice.storage.store;

import java.nio.file.Path;
import java.util.List;

/**
 * Where FFN bundles lie. The bundle at disk position p of a layer consists of its parts; part k begins at {@code
 * baseOffsetBytes + p · strideBytes} in the file. In memory a bundle is always its parts concatenated: [gate|]up|down,
 * {@code hidden} elements each. BUNDLED has one part; SPLIT keeps rows and transposed columns apart, two or three
 * parts. The same for both containers. Immutable.
 *
 * @param file {@code ffn.bin} or {@code ffn.mdb}
 * @param bundleBytes bytes of one bundle in memory, without padding
 * @param layers per layer its parts, in the order in which they stand in a bundle
 */
public record FfnLayout(
    Path file,
    Container container,
    Arrangement arrangement,
    int bundleBytes,
    List<List<Part>> layers) {

  /**
   * One region of a layer.
   *
   * @param baseOffsetBytes file offset of this part of the bundle at disk position 0, a multiple of 4096
   * @param strideBytes from one bundle's part to the next one's, at least {@code bytes}
   * @param bytes of this part in each bundle
   * @param offsetInBundleBytes where the part goes in a bundle in memory
   */
  public record Part(long baseOffsetBytes, int strideBytes, int bytes, int offsetInBundleBytes) {
    /** File offset of this part of the bundle at {@code position}. */
    public long offsetBytes(int position) {
      return baseOffsetBytes + (long) position * strideBytes;
    }
  }

  public FfnLayout {
    layers = layers.stream().map(List::copyOf).toList();
  }
}
