package dev.sluice.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** How numbers and paths on the command line are read, with errors in words instead of Java's type names. */
final class Values {
  private Values() {}

  static void register(CommandLine line) {
    ITypeConverter<Integer> integers =
        number(Integer::valueOf, "a whole number of at most " + Integer.MAX_VALUE);
    ITypeConverter<Long> longs = number(Long::valueOf, "a whole number");
    ITypeConverter<Double> doubles = number(Double::valueOf, "a number");
    line.registerConverter(Integer.class, integers)
        .registerConverter(int.class, integers)
        .registerConverter(Long.class, longs)
        .registerConverter(long.class, longs)
        .registerConverter(Double.class, doubles)
        .registerConverter(double.class, doubles)
        .registerConverter(Boolean.class, Values::flag)
        .registerConverter(boolean.class, Values::flag)
        .registerConverter(Path.class, Values::path);
  }

  private static <T> ITypeConverter<T> number(Function<String, T> parse, String what) {
    return text -> {
      try {
        return parse.apply(text);
      } catch (NumberFormatException e) {
        throw new TypeConversionException("'" + text + "' is not " + what);
      }
    };
  }

  private static Boolean flag(String text) {
    return switch (text) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new TypeConversionException("'" + text + "': give it without a value");
    };
  }

  /** An empty path means the current folder to Java and nothing to a user. */
  private static Path path(String text) {
    if (text.isEmpty()) {
      throw new TypeConversionException("the path is empty");
    }
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new TypeConversionException("'" + text + "' is no path (" + e.getReason() + ")");
    }
  }
}
