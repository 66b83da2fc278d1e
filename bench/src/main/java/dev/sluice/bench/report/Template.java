package dev.sluice.bench.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A resource beside this class, with places of the form {@code {{name}}}, and {@code {{>FILE}}} where another resource belongs
 * that several pages share.
 */
record Template(String text) {
  private static final Pattern PLACE = Pattern.compile("\\{\\{([a-z_]+)}}");
  private static final Pattern SHARED = Pattern.compile("\\{\\{>([a-z.]+)}}");

  static Template load(String name) {
    return new Template(SHARED.matcher(text(name))
        .replaceAll(place -> Matcher.quoteReplacement(text(place.group(1)))));
  }

  /** Fills every place in one pass, so that what was filled in is never searched for places. */
  String fill(Map<String, String> values) {
    return PLACE
        .matcher(text)
        .replaceAll(
            place -> {
              String value = values.get(place.group(1));
              if (value == null) {
                throw new IllegalStateException("no value for {{" + place.group(1) + "}}");
              }
              return Matcher.quoteReplacement(value);
            });
  }

  /** A resource's text; an absolute name starts with a slash. */
  static String text(String name) {
    try (InputStream in = Template.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("the resource " + name + " is missing from the class path");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
