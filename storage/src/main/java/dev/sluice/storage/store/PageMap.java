package dev.sluice.storage.store;

import dev.sluice.storage.store.FfnLayout.Part;
import java.util.ArrayList;
import java.util.List;

/** Tells what lies in a page of {@code dense.bin} or of the file with the bundles. Immutable. */
final class PageMap {
  private static final int PAGE_BYTES = StoreFormat.PAGE_BYTES;

  private final Catalog catalog;
  private final Container container;

  PageMap(Catalog catalog, Container container) {
    this.catalog = catalog;
    this.container = container;
  }

  /** Of the page of dense.bin that this byte is in. */
  PagePlace ofDense(long offsetBytes) {
    long from = offsetBytes / PAGE_BYTES * PAGE_BYTES;
    List<String> names = catalog.tensors().stream()
        .filter(tensor -> tensor.offsetBytes() < from + PAGE_BYTES
            && tensor.offsetBytes() + tensor.bytes() > from)
        .map(DenseTensor::name)
        .toList();
    return names.isEmpty() ? new PagePlace.Padding() : new PagePlace.Tensors(names);
  }

  /** Of the page of ffn.bin or ffn.mdb that this byte is in. */
  PagePlace ofFfn(long offsetBytes) {
    long from = offsetBytes / PAGE_BYTES * PAGE_BYTES;
    int neurons = catalog.spec().feedForward();
    for (int layer = 0; layer < catalog.ffnLayers().size(); layer++) {
      for (Part part : catalog.ffnLayers().get(layer)) {
        long bytes = StoreFormat.wholePages((long) neurons * part.strideBytes());
        long inRegion = from - part.baseOffsetBytes();
        if (inRegion >= 0 && inRegion < bytes) {
          return ofRegion(layer, part, inRegion, neurons);
        }
      }
    }
    return container == Container.LMDB ? new PagePlace.Container() : new PagePlace.Padding();
  }

  private PagePlace ofRegion(int layer, Part part, long from, int neurons) {
    int first = (int) (from / part.strideBytes());
    if (from - (long) first * part.strideBytes() >= part.bytes()) {
      first++; // the page begins behind that part's bytes
    }
    List<Integer> inPage = new ArrayList<>();
    for (int position = first; position < neurons
        && (long) position * part.strideBytes() < from + PAGE_BYTES; position++) {
      inPage.add(catalog.orders().get(layer)[position]);
    }
    return inPage.isEmpty() ? new PagePlace.Padding()
        : new PagePlace.Bundles(layer, first, inPage);
  }
}
