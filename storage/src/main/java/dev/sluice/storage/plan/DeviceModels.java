package dev.sluice.storage.plan;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Models of devices that were probed, one small JSON file for each file system, under {@code sluice/devices} of the user's
 * cache folder. A file system is known by the name of its device, its type and its size: another disk of that name is not
 * taken for it. Thread-safe.
 */
public final class DeviceModels {
  private static final int MOST_FILE_BYTES = 1 << 16;

  private final Path folder;

  /**
   * A stored model.
   *
   * @param device what it was measured on, such as {@code /dev/vda (ext4)}
   * @param reader how, as {@link dev.sluice.storage.block.BlockReader#describe} put it
   * @param measuredAt ISO 8601
   */
  public record Entry(DeviceModel model, String device, String reader, String measuredAt) {}

  /** @param folder need not exist */
  public DeviceModels(Path folder) {
    this.folder = folder;
  }

  /** Those of the user: under {@code $XDG_CACHE_HOME}, or {@code .cache} in the home folder (XDG Base Directory Specification). */
  public static DeviceModels ofUser(Map<String, String> environment) {
    String cache = environment.getOrDefault("XDG_CACHE_HOME", "");
    // The specification wants relative paths ignored.
    Path base = !cache.isEmpty() && Path.of(cache).isAbsolute() ? Path.of(cache)
        : Path.of(environment.getOrDefault("HOME", System.getProperty("user.home")), ".cache");
    return new DeviceModels(base.resolve("sluice").resolve("devices"));
  }

  /** The model of the file system that {@code path} is on; empty if it was never probed or what is stored cannot be used. */
  public Optional<Entry> of(Path path) {
    try {
      FileStore store = Files.getFileStore(path);
      Path file = file(store);
      if (!Files.isRegularFile(file) || Files.size(file) > MOST_FILE_BYTES) {
        return Optional.empty();
      }
      JsonNode json = JsonMapper.shared().readTree(Files.readString(file));
      double micros = json.path("request_us").asDouble(Double.NaN);
      double bandwidth = json.path("bytes_per_s").asDouble(Double.NaN);
      boolean usable = micros >= 0 && Double.isFinite(micros) && bandwidth > 0
          && Double.isFinite(bandwidth) && json.path("device").asString("").equals(name(store))
          && json.path("device_bytes").asLong(-1) == store.getTotalSpace();
      return usable ? Optional.of(new Entry(new DeviceModel(micros, bandwidth), name(store),
          json.path("reader").asString(""), json.path("measured_at").asString("")))
          : Optional.empty();
    } catch (IOException | JacksonException e) {
      return Optional.empty(); // a cache may be lost at any time
    }
  }

  /**
   * Keeps a model for the file system that {@code path} is on, instead of what was kept.
   *
   * @return the file that it is in
   * @throws FaultException if it cannot be written
   */
  public Path keep(Path path, DeviceModel model, String reader, String measuredAt) {
    try {
      FileStore store = Files.getFileStore(path);
      Files.createDirectories(folder);
      Path file = file(store);
      Path beside = folder.resolve(file.getFileName() + "." + ProcessHandle.current().pid());
      Files.writeString(beside, JsonMapper.shared().writeValueAsString(
          new Stored(name(store), store.getTotalSpace(), model.requestMicros(),
              model.bytesPerSecond(), reader, measuredAt))
          + "\n");
      return Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new FaultException(folder, "cannot be written (" + FaultException.reason(e) + ")",
          "set XDG_CACHE_HOME to a folder that can be", e);
    }
  }

  private record Stored(
      @JsonProperty("device") String device,
      @JsonProperty("device_bytes") long deviceBytes,
      @JsonProperty("request_us") double requestMicros,
      @JsonProperty("bytes_per_s") double bytesPerSecond,
      @JsonProperty("reader") String reader,
      @JsonProperty("measured_at") String measuredAt) {}

  private static String name(FileStore store) {
    return store.name() + " (" + store.type() + ")";
  }

  private Path file(FileStore store) {
    String safe = name(store).toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-")
        .replaceAll("^-|-$", "");
    return folder.resolve(safe + ".json");
  }
}
