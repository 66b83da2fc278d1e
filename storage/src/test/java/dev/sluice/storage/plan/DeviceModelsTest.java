package dev.sluice.storage.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeviceModelsTest {
  @TempDir
  Path folder;

  private final DeviceModel model = new DeviceModel(17.25, 1.6e9);

  @Test
  void keepsOneModelForEachFileSystem() throws IOException {
    DeviceModels models = new DeviceModels(folder.resolve("new").resolve("devices"));
    assertEquals(Optional.empty(), models.of(folder));
    Path file = models.keep(folder, new DeviceModel(1, 1), "first", "then");
    assertEquals(file, models.keep(folder, model, "io_uring", "2026-11-26T11:00:00Z"));
    Path deep = Files.createDirectories(folder.resolve("a/b"));
    DeviceModels.Entry entry = models.of(Files.createFile(deep.resolve("ffn.bin"))).orElseThrow();
    assertEquals(model, entry.model());
    assertEquals("io_uring", entry.reader());
    assertEquals("2026-11-26T11:00:00Z", entry.measuredAt());
    try (var files = Files.list(file.getParent())) {
      assertEquals(1, files.count(), "nothing is left beside it");
    }
  }

  /** What is in a cache was written by anybody. */
  @Test
  void whatCannotBeUsedCountsAsNothing() throws IOException {
    DeviceModels models = new DeviceModels(folder);
    Path file = models.keep(folder, model, "io_uring", "now");
    String whole = Files.readString(file);
    for (String bad : new String[] {
      "", "{", "[]", "null", "{}", whole.replace("17.25", "-1"), whole.replace("17.25", "\"x\""),
      whole.replace("1.6E9", "0"), whole.replace("1.6E9", "1e999"),
      whole.replace("\"device_bytes\":", "\"device_bytes\":1"),
      whole.replace("\"device\":\"", "\"device\":\"other"), " ".repeat(100_000) + whole}) {
      Files.writeString(file, bad);
      assertEquals(Optional.empty(), models.of(folder), bad.strip());
    }
    Files.writeString(file, whole);
    assertTrue(models.of(folder).isPresent());
    assertEquals(Optional.empty(), models.of(folder.resolve("missing")));
  }

  @Test
  void theUsersFolderFollowsTheSpecification() {
    DeviceModels absolute =
        DeviceModels.ofUser(Map.of("XDG_CACHE_HOME", folder.toString(), "HOME", "/nowhere"));
    Path file = absolute.keep(folder, model, "", "");
    assertEquals(folder.resolve("sluice/devices"), file.getParent());
    DeviceModels home =
        DeviceModels.ofUser(Map.of("XDG_CACHE_HOME", "relative", "HOME", folder.toString()));
    assertEquals(folder.resolve(".cache/sluice/devices"),
        home.keep(folder, model, "", "").getParent());
  }
}
