package dev.sluice.bundler.checkpoint.gguf;

import dev.sluice.bundler.checkpoint.gguf.GgufFile.Tensor;
import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.BadInputException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Parses and checks what precedes the data. Used once, by one thread.
 *
 * @param values metadata in file order
 * @param tensors by name, in file order
 * @param bytes from the start of the file, without padding
 */
record GgufHeader(Map<String, GgufValue> values, Map<String, Tensor> tensors, long bytes) {

  static GgufHeader parse(Path file, FileChannel channel, long fileBytes) {
    GgufCursor cursor =
        new GgufCursor(
            file, channel, 0, Math.min(fileBytes, GgufFormat.HEADER_LIMIT_BYTES));
    checkMagic(file, cursor);
    long tensorCount =
        cursor.count("tensors", GgufFormat.LEAST_TENSOR_BYTES, GgufFormat.TENSORS_LIMIT);
    long pairCount =
        cursor.count("metadata pairs", GgufFormat.LEAST_PAIR_BYTES, GgufFormat.PAIRS_LIMIT);
    Map<String, GgufValue> values = new LinkedHashMap<>();
    for (long i = 0; i < pairCount; i++) {
      cursor.place("metadata pair " + i);
      String key = cursor.string(GgufFormat.KEY_LIMIT_BYTES);
      cursor.place("key " + key);
      if (values.putIfAbsent(key, value(cursor)) != null) {
        throw cursor.bad("it is there twice");
      }
    }
    List<Listed> listed = new ArrayList<>();
    for (long i = 0; i < tensorCount; i++) {
      cursor.place("tensor " + i);
      listed.add(listed(cursor));
    }
    cursor.place("");
    Map<String, Tensor> tensors = place(file, cursor, values, listed, fileBytes);
    return new GgufHeader(values, tensors, cursor.offsetBytes());
  }

  private static void checkMagic(Path file, GgufCursor cursor) {
    if (cursor.remainingBytes() < 8 || cursor.int32() != GgufFormat.MAGIC) {
      throw new BadInputException(
          file, "it is not a GGUF file", "give a GGUF file, or a folder that holds config.json");
    }
    int version = cursor.int32();
    int swapped = Integer.reverseBytes(version);
    if (swapped >= 1 && swapped <= GgufFormat.NEWEST_VERSION) {
      throw new BadInputException(
          file, "it is a big-endian GGUF file", "fetch or convert the little-endian one");
    }
    if (version < GgufFormat.OLDEST_VERSION || version > GgufFormat.NEWEST_VERSION) {
      throw new BadInputException(
          file,
          "it is GGUF version " + Integer.toUnsignedString(version) + ", and only "
              + GgufFormat.OLDEST_VERSION + " and " + GgufFormat.NEWEST_VERSION + " can be read",
          "fetch or convert it in another version");
    }
  }

  private static GgufKind kind(GgufCursor cursor) {
    try {
      return GgufKind.ofCode(cursor.int32());
    } catch (IllegalArgumentException e) {
      throw cursor.bad("its value is of " + e.getMessage());
    }
  }

  private static GgufValue value(GgufCursor cursor) {
    GgufKind kind = kind(cursor);
    return switch (kind) {
      case UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64 ->
          new GgufValue.Whole(kind, whole(cursor, kind));
      case FLOAT32 -> new GgufValue.Real(kind, cursor.float32());
      case FLOAT64 -> new GgufValue.Real(kind, cursor.float64());
      case BOOL -> new GgufValue.Flag(flag(cursor));
      case STRING ->
          new GgufValue.Text(
              new String(
                  cursor.stringBytes(GgufFormat.TEXT_LIMIT_BYTES), StandardCharsets.UTF_8));
      case ARRAY -> sequence(cursor, 1);
    };
  }

  static long whole(GgufCursor cursor, GgufKind kind) {
    return switch (kind) {
      case UINT8 -> cursor.int8() & 0xffL;
      case INT8 -> cursor.int8();
      case UINT16 -> cursor.int16() & 0xffffL;
      case INT16 -> cursor.int16();
      case UINT32 -> cursor.int32() & 0xffff_ffffL;
      case INT32 -> cursor.int32();
      case UINT64, INT64 -> cursor.int64();
      case FLOAT32, FLOAT64, BOOL, STRING, ARRAY ->
          throw new IllegalArgumentException(kind + " is no whole number");
    };
  }

  private static boolean flag(GgufCursor cursor) {
    byte value = cursor.int8();
    if (value != 0 && value != 1) {
      throw cursor.bad("a true or false is " + value);
    }
    return value == 1;
  }

  private static GgufValue.Sequence sequence(GgufCursor cursor, int depth) {
    if (depth > GgufFormat.NESTING_LIMIT) {
      throw cursor.bad("its arrays nest more than " + GgufFormat.NESTING_LIMIT + " deep");
    }
    GgufKind elements = kind(cursor);
    long count = cursor.count(elements + " values", elements.leastBytes(), Long.MAX_VALUE);
    long offsetBytes = cursor.offsetBytes();
    if (elements.bytes() > 0) {
      cursor.skip(count * elements.bytes());
    } else {
      for (long i = 0; i < count; i++) {
        if (elements == GgufKind.STRING) {
          cursor.skipString(GgufFormat.TEXT_LIMIT_BYTES);
        } else {
          sequence(cursor, depth + 1);
        }
      }
    }
    return new GgufValue.Sequence(
        elements, count, offsetBytes, cursor.offsetBytes() - offsetBytes);
  }

  /** A tensor as the list has it: its offset counts from where the data begins. */
  private record Listed(
      String name, GgufType type, List<Long> shape, long offsetBytes, long bytes) {}

  private static Listed listed(GgufCursor cursor) {
    String name = cursor.string(GgufFormat.NAME_LIMIT_BYTES);
    cursor.place("tensor " + name);
    int dimensions = cursor.int32();
    if (dimensions < 1 || dimensions > GgufFormat.DIMENSIONS_LIMIT) {
      throw cursor.bad(
          "it has " + Integer.toUnsignedString(dimensions) + " dimensions, not 1 to "
              + GgufFormat.DIMENSIONS_LIMIT);
    }
    List<Long> shape = new ArrayList<>();
    long elements = 1;
    for (int d = 0; d < dimensions; d++) {
      long extent = cursor.int64();
      if (extent < 1 || Math.multiplyHigh(elements, extent) != 0 || elements * extent < 0) {
        throw cursor.bad("its shape is beyond all measure");
      }
      elements *= extent;
      shape.addFirst(extent);
    }
    int code = cursor.int32();
    GgufType type =
        GgufType.ofCode(code)
            .orElseThrow(
                () -> cursor.bad("it has the unknown type " + Integer.toUnsignedString(code)));
    if (shape.getLast() % type.blockElements() != 0) {
      throw cursor.bad(
          "its rows of " + shape.getLast() + " elements are no whole number of " + type
              + " blocks of " + type.blockElements());
    }
    long blocks = elements / type.blockElements();
    if (blocks > Long.MAX_VALUE / type.blockBytes()) {
      throw cursor.bad("its shape is beyond all measure");
    }
    return new Listed(name, type, List.copyOf(shape), cursor.int64(), blocks * type.blockBytes());
  }

  /** Finds where the data begins, and checks that every tensor lies in it, apart from the others. */
  private static Map<String, Tensor> place(Path file, GgufCursor cursor,
      Map<String, GgufValue> values, List<Listed> listed, long fileBytes) {
    long alignment = alignment(cursor, values);
    long dataBytes = Math.ceilDiv(cursor.offsetBytes(), alignment) * alignment;
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (Listed one : listed) {
      cursor.place("tensor " + one.name());
      if (one.offsetBytes() < 0 || one.offsetBytes() % alignment != 0) {
        throw cursor.bad(
            "its offset " + Long.toUnsignedString(one.offsetBytes()) + " is no multiple of "
                + alignment);
      }
      if (one.offsetBytes() > fileBytes - dataBytes
          || one.bytes() > fileBytes - dataBytes - one.offsetBytes()) {
        throw new BadInputException(
            GgufFile.place(file, one.name()),
            "its " + one.bytes() + " bytes at offset " + one.offsetBytes()
                + " of the data lie beyond the end of the file, which has " + fileBytes + " bytes",
            "the download may be incomplete: fetch the file again");
      }
      Tensor tensor =
          new Tensor(
              one.name(), one.type(), one.shape(), dataBytes + one.offsetBytes(), one.bytes());
      if (tensors.putIfAbsent(one.name(), tensor) != null) {
        throw cursor.bad("it is there twice");
      }
    }
    requireApart(file, tensors);
    return tensors;
  }

  private static void requireApart(Path file, Map<String, Tensor> tensors) {
    List<Tensor> byOffset = new ArrayList<>(tensors.values());
    byOffset.sort(Comparator.comparingLong(Tensor::offsetBytes));
    for (int i = 1; i < byOffset.size(); i++) {
      Tensor before = byOffset.get(i - 1);
      if (before.offsetBytes() + before.bytes() > byOffset.get(i).offsetBytes()) {
        throw new BadInputException(
            GgufFile.place(file, byOffset.get(i).name()),
            "its data overlaps that of tensor " + Shown.of(before.name()),
            "fetch or convert the file again");
      }
    }
  }

  private static long alignment(GgufCursor cursor, Map<String, GgufValue> values) {
    GgufValue value = values.get(GgufFormat.ALIGNMENT_KEY);
    if (value == null) {
      return GgufFormat.UNSAID_ALIGNMENT_BYTES;
    }
    long alignment = value instanceof GgufValue.Whole whole ? whole.value() : 0;
    if (alignment < 1 || alignment > GgufFormat.ALIGNMENT_LIMIT_BYTES
        || Long.bitCount(alignment) != 1) {
      cursor.place("key " + GgufFormat.ALIGNMENT_KEY);
      throw cursor.bad(
          "it is not a power of two up to " + GgufFormat.ALIGNMENT_LIMIT_BYTES);
    }
    return alignment;
  }
}
