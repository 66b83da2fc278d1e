package dev.sluice.bundler.checkpoint.gguf;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Builds small GGUF files, sound or broken, for tests. Values are written as kind and bytes, so that they may lie. */
public final class GgufBytes {
  private record Tensor(int type, List<Long> extents, long offset, byte[] data) {}

  private final Map<String, byte[]> values = new LinkedHashMap<>();
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private int version = 3;
  private int alignment = 32;
  private long dataBytes;

  public GgufBytes version(int value) {
    version = value;
    return this;
  }

  /** Where tensors begin; say so in the metadata too, unless it is to be wrong. */
  public GgufBytes alignment(int bytes) {
    alignment = bytes;
    return this;
  }

  public GgufBytes text(String key, String value) {
    return raw(key, 8, string(value));
  }

  public GgufBytes uint32(String key, int value) {
    return raw(key, 4, little(4).putInt(value).array());
  }

  public GgufBytes float32(String key, float value) {
    return raw(key, 6, little(4).putFloat(value).array());
  }

  public GgufBytes flag(String key, boolean value) {
    return raw(key, 7, new byte[] {(byte) (value ? 1 : 0)});
  }

  public GgufBytes strings(String key, List<String> elements) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    elements.forEach(element -> out.writeBytes(string(element)));
    return array(key, 8, elements.size(), out.toByteArray());
  }

  public GgufBytes int32s(String key, int... elements) {
    byte[] content = new byte[4 * elements.length];
    ByteBuffer out = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
    for (int element : elements) {
      out.putInt(element);
    }
    return array(key, 5, elements.length, content);
  }

  public GgufBytes floats(String key, float... elements) {
    byte[] content = new byte[4 * elements.length];
    ByteBuffer out = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
    for (float element : elements) {
      out.putFloat(element);
    }
    return array(key, 6, elements.length, content);
  }

  /** An array of any kind whose count and content need not agree. */
  public GgufBytes array(String key, int elementKind, long count, byte[] content) {
    return raw(key, 9, sequence(elementKind, count, content));
  }

  /** The bytes of an array as an element of another. */
  public static byte[] sequence(int elementKind, long count, byte[] content) {
    return little(12 + content.length).putInt(elementKind).putLong(count).put(content).array();
  }

  public GgufBytes raw(String key, int kind, byte[] value) {
    values.put(key, little(4 + value.length).putInt(kind).put(value).array());
    return this;
  }

  public GgufBytes remove(String key) {
    values.remove(key);
    return this;
  }

  /** Appends a tensor; {@code shape} is outermost first. */
  public GgufBytes tensor(String name, GgufType type, byte[] data, long... shape) {
    List<Long> extents = new ArrayList<>();
    for (long extent : shape) {
      extents.addFirst(extent);
    }
    return lyingTensor(name, code(type), extents, dataBytes, data);
  }

  /** Appends a tensor whose entry need not agree with its data; extents as in the file, innermost first. */
  public GgufBytes lyingTensor(String name, int type, List<Long> extents, long offset,
      byte[] data) {
    tensors.put(name, new Tensor(type, List.copyOf(extents), offset, data.clone()));
    dataBytes = Math.ceilDiv(dataBytes + data.length, alignment) * (long) alignment;
    return this;
  }

  private static int code(GgufType type) {
    for (int code = 0; code < 64; code++) {
      if (GgufType.ofCode(code).filter(type::equals).isPresent()) {
        return code;
      }
    }
    throw new IllegalArgumentException(type + " has no code");
  }

  public byte[] bytes() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(
        little(24).putInt(GgufFormat.MAGIC).putInt(version).putLong(tensors.size())
            .putLong(values.size()).array());
    values.forEach(
        (key, value) -> {
          out.writeBytes(string(key));
          out.writeBytes(value);
        });
    tensors.forEach(
        (name, tensor) -> {
          out.writeBytes(string(name));
          byte[] content = new byte[4 + 8 * tensor.extents.size() + 12];
          ByteBuffer entry = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
          entry.putInt(tensor.extents.size());
          tensor.extents.forEach(entry::putLong);
          entry.putInt(tensor.type).putLong(tensor.offset);
          out.writeBytes(content);
        });
    pad(out);
    for (Tensor tensor : tensors.values()) {
      out.writeBytes(tensor.data);
      pad(out);
    }
    return out.toByteArray();
  }

  private void pad(ByteArrayOutputStream out) {
    out.writeBytes(new byte[Math.ceilDiv(out.size(), alignment) * alignment - out.size()]);
  }

  private static byte[] string(String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    return little(8 + utf8.length).putLong(utf8.length).put(utf8).array();
  }

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
