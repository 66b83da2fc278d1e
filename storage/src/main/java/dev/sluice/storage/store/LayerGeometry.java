package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import java.util.ArrayList;
import java.util.List;

/**
 * How one layer's body is divided, the same for every layer: a region per part, each starting on a page.
 *
 * @param parts with offsets from the start of the body
 * @param neurons bundles in each region
 * @param bodyBytes whole pages
 */
record LayerGeometry(List<FfnLayout.Part> parts, int neurons, long bodyBytes) {
  /** Far above any model's bundle; keeps offsets within a long and chunks within an int. */
  static final int MAX_STRIDE_BYTES = 1 << 24;

  static int partCount(ModelSpec spec, Arrangement arrangement) {
    return switch (arrangement) {
      case BUNDLED -> 1;
      case SPLIT -> spec.rowsPerNeuron();
    };
  }

  /**
   * @param strideBytes bytes of disk per neuron over all parts; less than a bundle (0, say) means no padding
   */
  static LayerGeometry of(ModelSpec spec, Arrangement arrangement, int strideBytes) {
    if (strideBytes < 0 || strideBytes > MAX_STRIDE_BYTES) {
      throw new BadInputException(
          "stride", strideBytes + " bytes", "give 0 to " + MAX_STRIDE_BYTES + " bytes");
    }
    int count = partCount(spec, arrangement);
    int partBytes = spec.bundleBytes() / count;
    int perPart = Math.ceilDiv(Math.max(spec.bundleBytes(), strideBytes), count);
    // Parts stay aligned to their elements, and to two bytes at least.
    int alignment = (int) Math.max(2, spec.weightType().bytes(1));
    int stride = Math.ceilDiv(perPart, alignment) * alignment;
    long regionBytes = StoreFormat.wholePages((long) stride * spec.feedForward());
    List<FfnLayout.Part> parts = new ArrayList<>();
    for (int k = 0; k < count; k++) {
      parts.add(new FfnLayout.Part(k * regionBytes, stride, partBytes, k * partBytes));
    }
    return new LayerGeometry(List.copyOf(parts), spec.feedForward(), count * regionBytes);
  }

  long regionBytes() {
    return bodyBytes / parts.size();
  }

  /** The parts of a layer whose body begins at this file offset. */
  List<FfnLayout.Part> at(long bodyOffsetBytes) {
    return parts.stream()
        .map(
            part -> new FfnLayout.Part(
                bodyOffsetBytes + part.baseOffsetBytes(),
                part.strideBytes(),
                part.bytes(),
                part.offsetInBundleBytes()))
        .toList();
  }
}
