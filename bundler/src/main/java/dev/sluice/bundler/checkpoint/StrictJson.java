package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.input.InputFiles;
import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.BadInputException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * JSON from untrusted files: UTF-8 only, no repeated keys, bounded nesting, names, strings and
 * numbers. Stateless and safe to share between threads.
 */
final class StrictJson {
  private static final int NESTING_LIMIT = 64;

  /** Long enough for any token of a vocabulary and any tensor name. */
  private static final int NAME_LIMIT_CHARS = 4096;

  private static final int STRING_LIMIT_CHARS = 1 << 20;
  private static final int NUMBER_LIMIT_CHARS = 100;

  // Without the table of canonical names: a file with colliding names cannot make it degenerate or
  // refuse.
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(NESTING_LIMIT)
                  .maxNameLength(NAME_LIMIT_CHARS)
                  .maxStringLength(STRING_LIMIT_CHARS)
                  .maxNumberLength(NUMBER_LIMIT_CHARS)
                  .build())
          .build();

  private static final JsonMapper MAPPER = JsonMapper.builder(FACTORY).build();

  private StrictJson() {}

  /**
   * A parser at the start of the document; its methods throw {@link JacksonException} on anything
   * malformed.
   */
  static JsonParser parser(InputStream in) {
    return FACTORY.createParser(
        ObjectReadContext.empty(),
        new InputStreamReader(
            in,
            StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT)));
  }

  /**
   * A whole small document, whose root must be an object.
   *
   * @throws BadInputException naming {@code file} if it is not well-formed
   */
  static JsonNode object(Path file, byte[] bytes) {
    try (JsonParser parser = parser(new ByteArrayInputStream(bytes))) {
      JsonNode node = parser.nextToken() == JsonToken.START_OBJECT ? MAPPER.readTree(parser) : null;
      if (node == null || parser.nextToken() != null) {
        throw new BadInputException(file, "it is not one JSON object", "fetch the file again");
      }
      return node;
    } catch (JacksonException e) {
      throw refusal(file, "the JSON", e);
    }
  }

  /** What to throw when parsing {@code part} of {@code file} fails. */
  static RuntimeException refusal(Path file, String part, JacksonException e) {
    if (e.getCause() instanceof CharacterCodingException) {
      return new BadInputException(file, part + " is not UTF-8", "fetch the file again", e);
    }
    if (e.getCause() instanceof IOException io) {
      return InputFiles.refusal(file, io);
    }
    String reason = Shown.of(String.valueOf(e.getOriginalMessage()));
    return new BadInputException(
        file, part + " is malformed (" + reason + ")", "fetch the file again", e);
  }
}
