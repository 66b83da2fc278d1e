package dev.sluice.bench.synth;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A reader of small GGUF files, after the specification and not after the writer. */
final class TinyGguf {
  /** Dimensions as the file has them: elements of a row first. */
  record Info(long[] dimensions, int type, long begin) {
    long elements() {
      long all = 1;
      for (long dimension : dimensions) {
        all *= dimension;
      }
      return all;
    }

    long bytes() {
      return switch (type) {
        case 0 -> 4 * elements();
        case 8 -> elements() / 32 * 34;
        default -> throw new IllegalStateException("type " + type);
      };
    }
  }

  final Map<String, Object> metadata = new LinkedHashMap<>();
  final Map<String, Info> tensors = new LinkedHashMap<>();
  private final ByteBuffer in;

  TinyGguf(Path file) throws IOException {
    in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] magic = new byte[4];
    in.get(magic);
    assertEquals("GGUF", new String(magic, StandardCharsets.US_ASCII));
    assertEquals(3, in.getInt());
    long tensorCount = in.getLong();
    long entries = in.getLong();
    for (long i = 0; i < entries; i++) {
      String key = string();
      metadata.put(key, value(in.getInt()));
    }
    Map<String, Info> relative = new LinkedHashMap<>();
    for (long i = 0; i < tensorCount; i++) {
      String name = string();
      long[] dimensions = new long[in.getInt()];
      for (int d = 0; d < dimensions.length; d++) {
        dimensions[d] = in.getLong();
      }
      relative.put(name, new Info(dimensions, in.getInt(), in.getLong()));
    }
    long data = (in.position() + 31L) / 32 * 32;
    relative.forEach(
        (name, info) -> tensors.put(
            name, new Info(info.dimensions(), info.type(), data + info.begin())));
  }

  private String string() {
    byte[] utf8 = new byte[Math.toIntExact(in.getLong())];
    in.get(utf8);
    return new String(utf8, StandardCharsets.UTF_8);
  }

  private Object value(int type) {
    return switch (type) {
      case 4, 5 -> in.getInt();
      case 6 -> in.getFloat();
      case 7 -> in.get() != 0;
      case 8 -> string();
      case 9 -> {
        int element = in.getInt();
        long length = in.getLong();
        List<Object> values = new ArrayList<>();
        for (long i = 0; i < length; i++) {
          values.add(value(element));
        }
        yield values;
      }
      default -> throw new IllegalStateException("metadata type " + type);
    };
  }

  long length() {
    return in.capacity();
  }

  /** A row of a Q8_0 or F32 tensor. */
  double[] row(String name, long row) {
    Info info = tensors.get(name);
    double[] values = new double[(int) info.dimensions()[0]];
    for (int j = 0; j < values.length; j++) {
      if (info.type() == 0) {
        values[j] = in.getFloat((int) (info.begin() + 4L * j));
      } else {
        int block = (int) (info.begin() + row * values.length / 32 * 34 + j / 32 * 34L);
        values[j] = Float.float16ToFloat(in.getShort(block)) * in.get(block + 2 + j % 32);
      }
    }
    return values;
  }

  /** A matrix times a vector. */
  double[] times(String name, double[] vector) {
    double[] out = new double[(int) tensors.get(name).dimensions()[1]];
    for (int r = 0; r < out.length; r++) {
      double[] row = row(name, r);
      for (int j = 0; j < row.length; j++) {
        out[r] += row[j] * vector[j];
      }
    }
    return out;
  }
}
