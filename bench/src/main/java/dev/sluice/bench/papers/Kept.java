package dev.sluice.bench.papers;

import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * Measurements in files, one each, named by the digest of all that they depend on. A file appears whole or not at all, so what a
 * killed run had finished is there for the next one, and nothing half done is. One thread at a time.
 */
final class Kept {
  /** Raised when what a measurement means, or how it is written, changes. */
  private static final int FORMAT = 2;

  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private final Path folder;

  /** Keeps files in {@code folder}, which is made when the first is written. */
  Kept(Path folder) {
    this.folder = folder;
  }

  /**
   * What a measurement depends on.
   *
   * @param name what it is, for people who look into the folder
   * @param parts all else: model, text, amounts, seed
   */
  record Key(String name, List<String> parts) {
    Key {
      parts = List.copyOf(parts);
    }

    private String fileName() {
      String all = FORMAT + "\n" + name + "\n" + String.join("\n", parts);
      try {
        byte[] digest =
            MessageDigest.getInstance("SHA-256").digest(all.getBytes(StandardCharsets.UTF_8));
        return name.replaceAll("[^A-Za-z0-9.-]+", "-") + "-"
            + HexFormat.of().formatHex(digest, 0, 12) + ".json";
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every Java runtime has SHA-256", e);
      }
    }
  }

  private record Page(int format, Key key, String value) {}

  /** The kept value, or what {@code measure} gives, kept from now on. */
  <T> T get(Key key, Class<T> type, Supplier<T> measure) {
    Optional<T> found = find(key, type);
    if (found.isPresent()) {
      return found.get();
    }
    T measured = measure.get();
    write(key, MAPPER.writeValueAsString(measured));
    return measured;
  }

  /** Damaged or foreign files count as none: they are measured again. */
  <T> Optional<T> find(Key key, Class<T> type) {
    Path file = folder.resolve(key.fileName());
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      Page page = MAPPER.readValue(Files.readString(file), Page.class);
      return page.format == FORMAT && page.key.equals(key)
          ? Optional.of(MAPPER.readValue(page.value, type))
          : Optional.empty();
    } catch (JacksonException | IOException e) {
      return Optional.empty();
    }
  }

  private void write(Key key, String value) {
    Path file = folder.resolve(key.fileName());
    Path beside = folder.resolve("." + file.getFileName() + "." + ProcessHandle.current().pid());
    try {
      Files.createDirectories(folder);
      Files.writeString(beside, MAPPER.writeValueAsString(new Page(FORMAT, key, value)));
      Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new FaultException(file, "cannot be written (" + FaultException.reason(e) + ")",
          "check the folder and its free space", e);
    }
  }
}
