package dev.sluice.storage.store;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * All that {@code catalog.mdb} says, checked and in Java memory.
 *
 * @param orders per layer, disk position → neuron
 */
record Catalog(
    ModelSpec spec,
    Optional<byte[]> tokenizer,
    List<DenseTensor> tensors,
    List<List<FfnLayout.Part>> ffnLayers,
    List<int[]> orders,
    PageChecksums denseChecksums,
    PageChecksums ffnChecksums,
    SortedMap<String, byte[]> blobs) {

  SortedMap<String, byte[]> encode() {
    SortedMap<String, byte[]> entries = new TreeMap<>();
    entries.put(StoreFormat.KEY_CONFIG, SpecFormat.encode(spec));
    tokenizer.ifPresent(json -> entries.put(StoreFormat.KEY_TOKENIZER, json));
    entries.put(StoreFormat.KEY_TENSORS, DirectoryFormat.encodeTensors(tensors));
    entries.put(StoreFormat.KEY_FFN, DirectoryFormat.encodeFfn(spec.bundleBytes(), ffnLayers));
    for (int layer = 0; layer < orders.size(); layer++) {
      entries.put(StoreFormat.PREFIX_ORDER + layer, encodeOrder(orders.get(layer)));
    }
    entries.put(StoreFormat.KEY_DENSE_CHECKSUMS, denseChecksums.encode());
    entries.put(StoreFormat.KEY_FFN_CHECKSUMS, ffnChecksums.encode());
    blobs.forEach((key, value) -> entries.put(StoreFormat.PREFIX_BLOB + key, value));
    return entries;
  }

  /**
   * Checks every entry against the others and against the sizes of the files.
   *
   * @param file named in errors
   */
  static Catalog decode(
      Path file,
      Map<String, byte[]> entries,
      Arrangement arrangement,
      long denseBytes,
      long ffnBytes) {
    ModelSpec spec =
        SpecFormat.decode(
            where(file, StoreFormat.KEY_CONFIG), required(file, entries, StoreFormat.KEY_CONFIG));
    List<int[]> orders =
        IntStream.range(0, spec.layers())
            .mapToObj(
                layer -> {
                  String key = StoreFormat.PREFIX_ORDER + layer;
                  byte[] bytes = required(file, entries, key);
                  return decodeOrder(where(file, key), bytes, spec.feedForward());
                })
            .toList();
    SortedMap<String, byte[]> blobs = new TreeMap<>();
    entries.forEach(
        (key, value) -> {
          if (key.startsWith(StoreFormat.PREFIX_BLOB)) {
            blobs.put(key.substring(StoreFormat.PREFIX_BLOB.length()), value);
          }
        });
    return new Catalog(
        spec,
        Optional.ofNullable(entries.get(StoreFormat.KEY_TOKENIZER)),
        DirectoryFormat.decodeTensors(
            where(file, StoreFormat.KEY_TENSORS),
            required(file, entries, StoreFormat.KEY_TENSORS),
            denseBytes),
        DirectoryFormat.decodeFfn(
            where(file, StoreFormat.KEY_FFN),
            required(file, entries, StoreFormat.KEY_FFN),
            spec,
            arrangement,
            ffnBytes),
        orders,
        checksums(file, entries, StoreFormat.KEY_DENSE_CHECKSUMS, denseBytes),
        checksums(file, entries, StoreFormat.KEY_FFN_CHECKSUMS, ffnBytes),
        blobs);
  }

  static boolean isPermutation(int[] order) {
    BitSet seen = new BitSet(order.length);
    for (int neuron : order) {
      if (neuron < 0 || neuron >= order.length || seen.get(neuron)) {
        return false;
      }
      seen.set(neuron);
    }
    return true;
  }

  private static byte[] encodeOrder(int[] order) {
    ByteBuffer bytes =
        ByteBuffer.allocate(order.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(order);
    return bytes.array();
  }

  private static int[] decodeOrder(String where, byte[] bytes, int neurons) {
    if (bytes.length != neurons * Integer.BYTES) {
      throw StoreFormat.damaged(where, bytes.length + " bytes for " + neurons + " neurons");
    }
    int[] order = new int[neurons];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(order);
    if (!isPermutation(order)) {
      throw StoreFormat.damaged(where, "not a permutation of " + neurons + " neurons");
    }
    return order;
  }

  private static PageChecksums checksums(
      Path file, Map<String, byte[]> entries, String key, long fileBytes) {
    byte[] bytes = required(file, entries, key);
    if (fileBytes % StoreFormat.PAGE_BYTES != 0
        || bytes.length != fileBytes / StoreFormat.PAGE_BYTES * Integer.BYTES) {
      throw StoreFormat.damaged(
          where(file, key), bytes.length + " bytes of checksums for " + fileBytes + " bytes");
    }
    return PageChecksums.decode(bytes);
  }

  private static byte[] required(Path file, Map<String, byte[]> entries, String key) {
    byte[] value = entries.get(key);
    if (value == null) {
      throw StoreFormat.damaged(file, "has no entry '" + key + "'");
    }
    return value;
  }

  private static String where(Path file, String key) {
    return file + " (" + key + ")";
  }
}
