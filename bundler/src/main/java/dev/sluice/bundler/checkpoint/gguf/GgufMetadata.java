package dev.sluice.bundler.checkpoint.gguf;

import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.BadInputException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.IntPredicate;

/**
 * A file's metadata: all of it as it stands, and typed, bounded access to single keys. Every refusal names the file and
 * the key. Arrays are read from the file when asked for. Thread-safe while the file is open.
 */
public final class GgufMetadata {
  private final Path file;
  private final FileChannel channel;
  private final Map<String, GgufValue> values;

  GgufMetadata(Path file, FileChannel channel, Map<String, GgufValue> values) {
    this.file = file;
    this.channel = channel;
    this.values = Collections.unmodifiableMap(values);
  }

  /** Everything, in file order. */
  public Map<String, GgufValue> values() {
    return values;
  }

  public boolean has(String key) {
    return values.containsKey(key);
  }

  /**
   * An integer that must be there, from {@code min} to {@code max} inclusive. An array counts if all its elements are
   * that integer, as where a file gives one value for each layer.
   */
  public int integer(String key, int min, int max) {
    long value = whole(key, require(key));
    if (value < min || value > max) {
      throw bad(key, "it is not an integer from " + min + " to " + max + " but " + value);
    }
    return (int) value;
  }

  /** An integer from {@code min} to {@code max} inclusive, or {@code unsaid} if it is absent. */
  public int integerOr(String key, int min, int max, int unsaid) {
    return has(key) ? integer(key, min, max) : unsaid;
  }

  /** A finite number greater than 0, if it is there. */
  public Optional<Double> positive(String key) {
    if (!has(key)) {
      return Optional.empty();
    }
    double value =
        switch (values.get(key)) {
          case GgufValue.Real real -> real.value();
          case GgufValue.Whole whole -> whole.value();
          case GgufValue.Flag f -> Double.NaN;
          case GgufValue.Text t -> Double.NaN;
          case GgufValue.Sequence s -> Double.NaN;
        };
    if (!Double.isFinite(value) || value <= 0) {
      throw bad(key, "it is not a finite number above 0");
    }
    return Optional.of(value);
  }

  /** A true or false, if it is there. */
  public Optional<Boolean> flag(String key) {
    return switch (values.get(key)) {
      case null -> Optional.empty();
      case GgufValue.Flag flag -> Optional.of(flag.value());
      default -> throw bad(key, "it is neither true nor false");
    };
  }

  /** A string, if it is there. */
  public Optional<String> text(String key) {
    return switch (values.get(key)) {
      case null -> Optional.empty();
      case GgufValue.Text text -> Optional.of(text.value());
      default -> throw bad(key, "it is not a string");
    };
  }

  /**
   * An array of strings that must be there, each UTF-8.
   *
   * @param maxCount refused above, before anything is read
   */
  public List<String> strings(String key, int maxCount) {
    GgufValue.Sequence sequence = sequenceOfStrings(key, maxCount);
    GgufCursor cursor = cursor(key, sequence);
    List<String> strings = new ArrayList<>((int) sequence.count());
    for (long i = 0; i < sequence.count(); i++) {
      strings.add(cursor.string(GgufFormat.TEXT_LIMIT_BYTES));
    }
    return strings;
  }

  /** As the other one, but only some of them, by their indices; the others are passed over, UTF-8 or not. */
  public SortedMap<Integer, String> strings(String key, int maxCount, IntPredicate chosen) {
    GgufValue.Sequence sequence = sequenceOfStrings(key, maxCount);
    GgufCursor cursor = cursor(key, sequence);
    SortedMap<Integer, String> strings = new TreeMap<>();
    for (int i = 0; i < sequence.count(); i++) {
      if (chosen.test(i)) {
        strings.put(i, cursor.string(GgufFormat.TEXT_LIMIT_BYTES));
      } else {
        cursor.skipString(GgufFormat.TEXT_LIMIT_BYTES);
      }
    }
    return strings;
  }

  private GgufValue.Sequence sequenceOfStrings(String key, int maxCount) {
    GgufValue.Sequence sequence = sequence(key, maxCount);
    if (sequence.elements() != GgufKind.STRING) {
      throw bad(key, "it is not an array of strings");
    }
    return sequence;
  }

  /** An array of whole numbers that must be there; UINT64 values above 2^63 − 1 come out negative. */
  public long[] wholes(String key, int maxCount) {
    GgufValue.Sequence sequence = sequence(key, maxCount);
    if (!sequence.elements().isWhole()) {
      throw bad(key, "it is not an array of whole numbers");
    }
    GgufCursor cursor = cursor(key, sequence);
    long[] wholes = new long[(int) sequence.count()];
    for (int i = 0; i < wholes.length; i++) {
      wholes[i] = GgufHeader.whole(cursor, sequence.elements());
    }
    return wholes;
  }

  /** An array of float32 that must be there. */
  public float[] floats(String key, int maxCount) {
    GgufValue.Sequence sequence = sequence(key, maxCount);
    if (sequence.elements() != GgufKind.FLOAT32) {
      throw bad(key, "it is not an array of float32");
    }
    GgufCursor cursor = cursor(key, sequence);
    float[] floats = new float[(int) sequence.count()];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = cursor.float32();
    }
    return floats;
  }

  /** A refusal that names the file and {@code key}. */
  public BadInputException bad(String key, String cause) {
    return bad(key, cause, "fetch or convert the file again");
  }

  /** A refusal that names the file and {@code key}. */
  public BadInputException bad(String key, String cause, String action) {
    return new BadInputException(file + ", key " + Shown.of(key), cause, action);
  }

  private long whole(String key, GgufValue value) {
    return switch (value) {
      case GgufValue.Whole whole -> whole.value();
      case GgufValue.Sequence s when s.elements().isWhole() && s.count() > 0 -> {
        GgufCursor cursor = cursor(key, s);
        long first = GgufHeader.whole(cursor, s.elements());
        for (long i = 1; i < s.count(); i++) {
          if (GgufHeader.whole(cursor, s.elements()) != first) {
            throw bad(
                key, "it differs from layer to layer", "use a model whose layers are all alike");
          }
        }
        yield first;
      }
      default -> throw bad(key, "it is not an integer");
    };
  }

  private GgufValue.Sequence sequence(String key, int maxCount) {
    if (!(require(key) instanceof GgufValue.Sequence sequence)) {
      throw bad(key, "it is not an array");
    }
    if (sequence.count() > maxCount) {
      throw bad(key, "it has " + sequence.count() + " elements, over the limit of " + maxCount);
    }
    return sequence;
  }

  private GgufCursor cursor(String key, GgufValue.Sequence sequence) {
    GgufCursor cursor =
        new GgufCursor(
            file, channel, sequence.offsetBytes(), sequence.offsetBytes() + sequence.bytes());
    cursor.place("key " + key);
    return cursor;
  }

  private GgufValue require(String key) {
    GgufValue value = values.get(key);
    if (value == null) {
      throw bad(key, "it is missing");
    }
    return value;
  }
}
