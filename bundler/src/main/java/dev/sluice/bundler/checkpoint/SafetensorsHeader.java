package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.BadInputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * Parses a safetensors header: one JSON object, tensor name to {@code {"dtype", "shape",
 * "data_offsets"}}, with an optional {@code __metadata__} that is skipped. Read as a stream, so
 * memory grows with the number of tensors and never with what the header claims.
 *
 * <p>Source: the safetensors format description (header length u64 little-endian, JSON, data).
 */
final class SafetensorsHeader {
  private static final int TENSORS_LIMIT = 500_000;
  private static final int NAME_LIMIT_CHARS = 512;
  private static final int DIMENSIONS_LIMIT = 16;

  private final Path file;
  private final JsonParser parser;
  private final long dataStartBytes;

  private SafetensorsHeader(Path file, JsonParser parser, long dataStartBytes) {
    this.file = file;
    this.parser = parser;
    this.dataStartBytes = dataStartBytes;
  }

  /**
   * The tensors in the header's order, each checked by itself: type known, shape and offsets
   * agreeing. How they lie among each other and in the file is the caller's to check.
   *
   * @param headerBytes length of the JSON, which begins at byte 8
   * @throws BadInputException naming the file and the tensor
   */
  static Map<String, SafetensorsFile.Tensor> parse(
      Path file, FileChannel channel, long headerBytes) {
    InputStream json = new Section(channel, 8, 8 + headerBytes);
    try (JsonParser parser = StrictJson.parser(json)) {
      return new SafetensorsHeader(file, parser, 8 + headerBytes).tensors();
    } catch (JacksonException e) {
      throw StrictJson.refusal(file, "the header", e);
    }
  }

  private Map<String, SafetensorsFile.Tensor> tensors() {
    if (parser.nextToken() != JsonToken.START_OBJECT) {
      throw new BadInputException(
          file, "the header is not a JSON object", "give a safetensors file");
    }
    Map<String, SafetensorsFile.Tensor> tensors = new LinkedHashMap<>();
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = parser.currentName();
      if (name.equals("__metadata__")) {
        if (parser.nextToken() != JsonToken.START_OBJECT) {
          throw bad(name, "it is not a JSON object");
        }
        parser.skipChildren();
        continue;
      }
      if (name.isEmpty() || name.length() > NAME_LIMIT_CHARS) {
        throw bad(name, "its name is empty or longer than " + NAME_LIMIT_CHARS + " characters");
      }
      if (tensors.size() == TENSORS_LIMIT) {
        throw new BadInputException(
            file,
            "the header lists more than " + TENSORS_LIMIT + " tensors",
            "split the checkpoint into shards");
      }
      try {
        tensors.put(name, tensor(name));
      } catch (JacksonException e) {
        throw StrictJson.refusal(file, "the header, at tensor " + Shown.of(name) + ":", e);
      }
    }
    if (parser.nextToken() != null) {
      throw new BadInputException(
          file, "something follows the header's JSON object", "fetch the file again");
    }
    return tensors;
  }

  private SafetensorsFile.Tensor tensor(String name) {
    if (parser.nextToken() != JsonToken.START_OBJECT) {
      throw bad(name, "its description is not a JSON object");
    }
    String dtype = null;
    List<Long> shape = null;
    List<Long> offsets = null;
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String key = parser.currentName();
      switch (key) {
        case "dtype" -> {
          if (parser.nextToken() != JsonToken.VALUE_STRING) {
            throw bad(name, "its dtype is not a string");
          }
          dtype = parser.getString();
        }
        case "shape" -> shape = integers(name, key, DIMENSIONS_LIMIT);
        case "data_offsets" -> offsets = integers(name, key, 2);
        default -> throw bad(name, "its description has the unknown key " + Shown.of(key));
      }
    }
    if (dtype == null || shape == null || offsets == null) {
      String missing = dtype == null ? "dtype" : shape == null ? "shape" : "data_offsets";
      throw bad(name, missing + " is missing");
    }
    return checked(name, dtype, shape, offsets);
  }

  private SafetensorsFile.Tensor checked(
      String name, String dtype, List<Long> shape, List<Long> offsets) {
    ElementType type =
        ElementType.ofName(dtype)
            .orElseThrow(
                () -> new BadInputException(
                    place(name),
                    "its dtype " + Shown.of(dtype) + " is not supported",
                    "convert the checkpoint to F32, F16 or BF16"));
    if (offsets.size() != 2 || offsets.get(0) > offsets.get(1)) {
      throw bad(name, "its data_offsets " + offsets + " are not a begin and an end");
    }
    long bytes = offsets.get(1) - offsets.get(0);
    long wanted;
    try {
      wanted = type.elementBytes();
      for (long dimension : shape) {
        wanted = Math.multiplyExact(wanted, dimension);
      }
    } catch (ArithmeticException e) {
      throw bad(name, "its shape " + shape + " is too large for any file");
    }
    if (wanted != bytes) {
      throw bad(
          name,
          "shape "
              + shape
              + " of "
              + type
              + " takes "
              + wanted
              + " bytes, but its data_offsets span "
              + bytes);
    }
    if (offsets.get(1) > Long.MAX_VALUE - dataStartBytes) {
      throw bad(name, "its data_offsets " + offsets + " lie beyond any file");
    }
    return new SafetensorsFile.Tensor(
        name, type, List.copyOf(shape), dataStartBytes + offsets.get(0), bytes);
  }

  private List<Long> integers(String name, String key, int limit) {
    if (parser.nextToken() != JsonToken.START_ARRAY) {
      throw bad(name, "its " + key + " is not a list");
    }
    List<Long> values = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      boolean fits =
          parser.currentToken() == JsonToken.VALUE_NUMBER_INT
              && parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
      if (!fits || parser.getLongValue() < 0) {
        throw bad(name, "its " + key + " holds something other than integers from 0 to 2^63 - 1");
      }
      if (values.size() == limit) {
        throw bad(name, "its " + key + " has more than " + limit + " entries");
      }
      values.add(parser.getLongValue());
    }
    return values;
  }

  private BadInputException bad(String name, String cause) {
    return new BadInputException(place(name), cause, "fetch the file again");
  }

  private String place(String name) {
    return SafetensorsFile.place(file, name);
  }

  /** The bytes of a file from one offset to another, by positional reads. */
  private static final class Section extends InputStream {
    private final FileChannel channel;
    private long atBytes;
    private final long endBytes;

    Section(FileChannel channel, long fromBytes, long endBytes) {
      this.channel = channel;
      this.atBytes = fromBytes;
      this.endBytes = endBytes;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      int wanted = (int) Math.min(length, endBytes - atBytes);
      if (wanted <= 0) {
        return length == 0 ? 0 : -1;
      }
      int got = channel.read(ByteBuffer.wrap(target, offset, wanted), atBytes);
      atBytes += Math.max(got, 0);
      return got;
    }
  }
}
