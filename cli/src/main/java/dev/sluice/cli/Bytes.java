package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A size as users write it: {@code 2G}, {@code 512MiB}, {@code 1.5GB}. Powers of 1,024 whatever the spelling, as llama.cpp
 * and cgroups count.
 *
 * @param count bytes
 */
record Bytes(long count) {
  private static final Pattern FORM =
      Pattern.compile("([0-9]+(?:\\.[0-9]+)?)\\s*([kmgt]?)(?:i?b)?", Pattern.CASE_INSENSITIVE);

  /** For picocli. */
  static final class Converter implements ITypeConverter<Bytes> {
    @Override
    public Bytes convert(String text) {
      try {
        return parse(text);
      } catch (BadInputException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  static Bytes parse(String text) {
    Matcher matcher = FORM.matcher(text.strip());
    if (!matcher.matches()) {
      throw new BadInputException(text, "is no size", "write it like 512M or 2G");
    }
    int power = "kmgt".indexOf(matcher.group(2).toLowerCase(Locale.ROOT));
    double scale = matcher.group(2).isEmpty() ? 1 : Math.pow(1024, power + 1);
    double bytes = Double.parseDouble(matcher.group(1)) * scale;
    if (bytes > 1L << 60) {
      throw new BadInputException(text, "is more than any machine has", "write it like 512M or 2G");
    }
    return new Bytes(Math.round(bytes));
  }
}
