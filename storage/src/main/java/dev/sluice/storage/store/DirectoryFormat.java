package dev.sluice.storage.store;

import dev.sluice.storage.tensor.TensorType;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Where things lie, as JSON in the catalog. {@code tensors}: {@code {"tensors": [{name, type, shape, offset_bytes, bytes},
 * ...]}} in file order. {@code ffn}: {@code {"bundle_bytes", "layers": [{"parts": [{base_offset_bytes, stride_bytes,
 * bytes, offset_in_bundle_bytes}, ...]}, ...]}}. Reading checks that every range lies in its file and that no two overlap.
 */
final class DirectoryFormat {
  static final int MAX_TENSORS = 1 << 20;
  static final int MAX_DIMENSIONS = 8;
  static final int MAX_TENSOR_NAME = 255;

  private DirectoryFormat() {}

  static byte[] encodeTensors(List<DenseTensor> tensors) {
    ObjectNode json = JsonFields.newObject();
    encodeTensors(tensors, json);
    return JsonFields.write(json);
  }

  static void encodeTensors(List<DenseTensor> tensors, ObjectNode json) {
    ArrayNode list = json.putArray("tensors");
    for (DenseTensor tensor : tensors) {
      ObjectNode entry = list.addObject();
      entry.put("name", tensor.name());
      entry.put("type", tensor.type().code());
      tensor.shape().forEach(entry.putArray("shape")::add);
      entry.put("offset_bytes", tensor.offsetBytes());
      entry.put("bytes", tensor.bytes());
    }
  }

  /**
   * @param fileBytes size of dense.bin
   */
  static List<DenseTensor> decodeTensors(Object where, byte[] bytes, long fileBytes) {
    return decodeTensors(where, JsonFields.parse(where, bytes), fileBytes);
  }

  static List<DenseTensor> decodeTensors(Object where, JsonFields json, long fileBytes) {
    List<DenseTensor> tensors = new ArrayList<>();
    Set<String> names = new HashSet<>();
    long endBytes = 0;
    for (JsonFields entry : json.objects("tensors", MAX_TENSORS)) {
      String name = entry.string("name", MAX_TENSOR_NAME);
      long offset = entry.longIn("offset_bytes", 0, fileBytes);
      long length = entry.longIn("bytes", 1, fileBytes - offset);
      List<Integer> shape = entry.ints("shape", MAX_DIMENSIONS, 1, Integer.MAX_VALUE);
      TensorType type = type(where, entry.intIn("type", 0, 255));
      if (!names.add(name)) {
        throw StoreFormat.damaged(where, "tensor " + name + " is listed twice");
      }
      if (offset < endBytes || offset % StoreFormat.DENSE_ALIGNMENT_BYTES != 0) {
        throw StoreFormat.damaged(where, "tensor " + name + " has offset " + offset);
      }
      if (shape.isEmpty() || tensorBytes(where, type, shape) != length) {
        throw StoreFormat.damaged(
            where, "tensor " + name + " of shape " + shape + " cannot have " + length + " bytes");
      }
      endBytes = offset + length;
      tensors.add(new DenseTensor(name, type, shape, offset, length));
    }
    return List.copyOf(tensors);
  }

  static byte[] encodeFfn(int bundleBytes, List<List<FfnLayout.Part>> layers) {
    ObjectNode json = JsonFields.newObject();
    json.put("bundle_bytes", bundleBytes);
    ArrayNode list = json.putArray("layers");
    for (List<FfnLayout.Part> parts : layers) {
      ArrayNode partList = list.addObject().putArray("parts");
      for (FfnLayout.Part part : parts) {
        ObjectNode entry = partList.addObject();
        entry.put("base_offset_bytes", part.baseOffsetBytes());
        entry.put("stride_bytes", part.strideBytes());
        entry.put("bytes", part.bytes());
        entry.put("offset_in_bundle_bytes", part.offsetInBundleBytes());
      }
    }
    return JsonFields.write(json);
  }

  /**
   * @param fileBytes size of the file that holds the bundles
   */
  static List<List<FfnLayout.Part>> decodeFfn(
      Object where, byte[] bytes, ModelSpec spec, Arrangement arrangement, long fileBytes) {
    JsonFields json = JsonFields.parse(where, bytes);
    json.intIn("bundle_bytes", spec.bundleBytes(), spec.bundleBytes());
    List<JsonFields> entries = json.objects("layers", SpecFormat.MAX_LAYERS);
    if (entries.size() != spec.layers()) {
      throw StoreFormat.damaged(
          where, entries.size() + " layers of bundles in a model of " + spec.layers());
    }
    // LMDB may place layers in any order, so overlap is checked over sorted regions.
    List<long[]> regions = new ArrayList<>();
    List<List<FfnLayout.Part>> layers = new ArrayList<>();
    for (JsonFields entry : entries) {
      List<FfnLayout.Part> parts = decodeParts(where, entry, spec, arrangement, fileBytes);
      for (FfnLayout.Part part : parts) {
        regions.add(new long[] {part.baseOffsetBytes(), end(part, spec.feedForward())});
      }
      layers.add(parts);
    }
    regions.sort((a, b) -> Long.compare(a[0], b[0]));
    for (int i = 1; i < regions.size(); i++) {
      if (regions.get(i)[0] < regions.get(i - 1)[1]) {
        throw StoreFormat.damaged(where, "bundles overlap at offset " + regions.get(i)[0]);
      }
    }
    return layers;
  }

  private static List<FfnLayout.Part> decodeParts(
      Object where, JsonFields layer, ModelSpec spec, Arrangement arrangement, long fileBytes) {
    int[] starts = LayerGeometry.partStarts(spec, arrangement);
    int count = starts.length - 1;
    List<FfnLayout.Part> parts = new ArrayList<>();
    for (JsonFields entry : layer.objects("parts", count)) {
      int offsetInBundle = starts[parts.size()];
      int partBytes = starts[parts.size() + 1] - offsetInBundle;
      FfnLayout.Part part =
          new FfnLayout.Part(
              entry.longIn("base_offset_bytes", 0, fileBytes),
              entry.intIn("stride_bytes", partBytes, LayerGeometry.MAX_STRIDE_BYTES),
              entry.intIn("bytes", partBytes, partBytes),
              entry.intIn("offset_in_bundle_bytes", offsetInBundle, offsetInBundle));
      if (part.baseOffsetBytes() % StoreFormat.PAGE_BYTES != 0
          || end(part, spec.feedForward()) > fileBytes) {
        throw StoreFormat.damaged(where, "bundles at " + part + " leave their file");
      }
      parts.add(part);
    }
    if (parts.size() != count) {
      throw StoreFormat.damaged(where, parts.size() + " parts a bundle instead of " + count);
    }
    return parts;
  }

  /** Offset after the last bundle; cannot overflow within the limits that were checked. */
  private static long end(FfnLayout.Part part, int neurons) {
    return part.offsetBytes(neurons - 1) + part.bytes();
  }

  static long tensorBytes(Object where, TensorType type, List<Integer> shape) {
    if (shape.getLast() % type.blockElements() != 0) {
      throw StoreFormat.damaged(where, "rows of a tensor of shape " + shape + " cannot be " + type);
    }
    try {
      long elements = 1;
      for (int extent : shape) {
        elements = Math.multiplyExact(elements, (long) extent);
      }
      return type.bytes(elements);
    } catch (ArithmeticException e) {
      throw StoreFormat.damaged(where, "a tensor of shape " + shape + " is too large");
    }
  }

  private static TensorType type(Object where, int code) {
    try {
      return TensorType.ofCode(code);
    } catch (IllegalArgumentException e) {
      throw StoreFormat.damaged(where, e.getMessage());
    }
  }
}
