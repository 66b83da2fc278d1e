package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.tensor.TensorType;
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

  /** A bundle is widened to whole pages where that adds at most this part of it. */
  static final int PAGE_WASTE_PART = 16;

  /** Where the parts begin in a bundle, and last where it ends. */
  static int[] partStarts(ModelSpec spec, Arrangement arrangement) {
    int up = spec.bundle().upOffsetBytes(spec.form(), spec.hidden());
    int down = spec.bundle().downOffsetBytes(spec.form(), spec.hidden());
    return switch (arrangement) {
      case BUNDLED -> new int[] {0, spec.bundleBytes()};
      case SPLIT ->
          up > 0 ? new int[] {0, up, down, spec.bundleBytes()}
              : new int[] {0, down, spec.bundleBytes()};
    };
  }

  /**
   * @param strideBytes bytes of disk per neuron over all parts; 0 for the width that costs least to read, see {@link
   *     #naturalBytes}; from 1 to a bundle means no padding
   */
  static LayerGeometry of(ModelSpec spec, Arrangement arrangement, int strideBytes) {
    if (strideBytes < 0 || strideBytes > MAX_STRIDE_BYTES) {
      throw new BadInputException(
          "stride", strideBytes + " bytes", "give 0 to " + MAX_STRIDE_BYTES + " bytes");
    }
    int bundleBytes = spec.bundleBytes();
    int[] starts = partStarts(spec, arrangement);
    int wished = strideBytes == 0 ? naturalBytes(bundleBytes, arrangement) : strideBytes;
    int perPart = Math.ceilDiv(Math.max(0, wished - bundleBytes), starts.length - 1);
    List<FfnLayout.Part> parts = new ArrayList<>();
    long bodyBytes = 0;
    for (int k = 0; k + 1 < starts.length; k++) {
      int partBytes = starts[k + 1] - starts[k];
      // Parts stay aligned to two bytes, and to four where elements are.
      int alignment = spec.bundle().up() == TensorType.F32 ? 4 : 2;
      int stride = Math.ceilDiv(partBytes + perPart, alignment) * alignment;
      parts.add(new FfnLayout.Part(bodyBytes, stride, partBytes, starts[k]));
      bodyBytes += StoreFormat.wholePages((long) stride * spec.feedForward());
    }
    return new LayerGeometry(List.copyOf(parts), spec.feedForward(), bodyBytes);
  }

  /**
   * A bundle just below whole pages is padded to them: side by side nearly all of them would touch a page more than they
   * fill, and pages are what is read and verified. Others are not padded.
   */
  private static int naturalBytes(int bundleBytes, Arrangement arrangement) {
    int pages = Math.toIntExact(StoreFormat.wholePages(bundleBytes));
    boolean near = (pages - bundleBytes) <= bundleBytes / PAGE_WASTE_PART;
    return arrangement == Arrangement.BUNDLED && near ? pages : bundleBytes;
  }

  /** Whole pages that part k takes. */
  long regionBytes(int k) {
    return StoreFormat.wholePages((long) parts.get(k).strideBytes() * neurons);
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
