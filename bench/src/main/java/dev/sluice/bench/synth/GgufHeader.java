package dev.sluice.bench.synth;

import dev.sluice.storage.tensor.TensorType;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * The part of a GGUF file before its weights, version 3 as ggml's docs/gguf.md has it: metadata, then name, dimensions,
 * type and offset of every tensor. Immutable.
 *
 * @param metadata by key, in order; String, Integer (as uint32), Float, Boolean, int[] (as int32) or a list of strings
 */
record GgufHeader(Map<String, Object> metadata, List<Tensor> tensors) {
  private static final int MAGIC = 'G' | 'G' << 8 | 'U' << 16 | 'F' << 24;
  private static final int VERSION = 3;

  /** Of every tensor's first byte; GGUF's default, so it need not be said. */
  private static final int ALIGNMENT_BYTES = 32;

  /** Numbers of GGUF's metadata types. */
  private static final int UINT32 = 4;

  private static final int INT32 = 5;
  private static final int FLOAT32 = 6;
  private static final int BOOL = 7;
  private static final int STRING = 8;
  private static final int ARRAY = 9;

  /**
   * A tensor, row after row.
   *
   * @param rows 0 for a vector
   */
  record Tensor(String name, TensorType type, int rowElements, int rows) {
    long rowBytes() {
      return type.bytes(rowElements);
    }

    int storedRows() {
      return Math.max(1, rows);
    }

    long bytes() {
      return rowBytes() * storedRows();
    }

    private int ggmlType() {
      return switch (type) {
        case F32 -> 0;
        case Q8_0 -> 8;
        default -> throw new IllegalArgumentException(type + " is not written");
      };
    }
  }

  /** Everything up to the first tensor, padding included. */
  byte[] encode() {
    Sink out = new Sink();
    out.int32(MAGIC);
    out.int32(VERSION);
    out.int64(tensors.size());
    out.int64(metadata.size());
    metadata.forEach(
        (key, value) -> {
          out.string(key);
          out.value(value);
        });
    long offset = 0;
    for (Tensor tensor : tensors) {
      out.string(tensor.name());
      out.int32(tensor.rows() == 0 ? 1 : 2);
      out.int64(tensor.rowElements());
      if (tensor.rows() > 0) {
        out.int64(tensor.rows());
      }
      out.int32(tensor.ggmlType());
      out.int64(offset);
      offset += aligned(tensor.bytes());
    }
    out.pad();
    return out.bytes.toByteArray();
  }

  /** Bytes of the weights, padding between them included. */
  long weightBytes() {
    return tensors.stream().mapToLong(t -> aligned(t.bytes())).sum();
  }

  static long aligned(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  }

  /** Little-endian fields one after another. */
  private static final class Sink {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final ByteBuffer field = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);

    void int32(int value) {
      bytes.write(field.putInt(0, value).array(), 0, Integer.BYTES);
    }

    void int64(long value) {
      bytes.write(field.putLong(0, value).array(), 0, Long.BYTES);
    }

    void string(String text) {
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      int64(utf8.length);
      bytes.writeBytes(utf8);
    }

    void value(Object value) {
      switch (value) {
        case String text -> {
          int32(STRING);
          string(text);
        }
        case Integer number -> {
          int32(UINT32);
          int32(number);
        }
        case Float number -> {
          int32(FLOAT32);
          int32(Float.floatToRawIntBits(number));
        }
        case Boolean flag -> {
          int32(BOOL);
          bytes.write(flag ? 1 : 0);
        }
        case int[] numbers -> {
          int32(ARRAY);
          int32(INT32);
          int64(numbers.length);
          for (int number : numbers) {
            int32(number);
          }
        }
        case List<?> texts -> {
          int32(ARRAY);
          int32(STRING);
          int64(texts.size());
          texts.forEach(text -> string((String) text));
        }
        default -> throw new IllegalArgumentException("no GGUF value: " + value.getClass());
      }
    }

    void pad() {
      while (bytes.size() % ALIGNMENT_BYTES != 0) {
        bytes.write(0);
      }
    }
  }
}
