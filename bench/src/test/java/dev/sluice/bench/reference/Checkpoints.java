package dev.sluice.bench.reference;

import dev.sluice.bundler.importer.Importer;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.StoreWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The twins and fixtures of the repository, imported once, with what the reference says about them. */
final class Checkpoints {
  static final Path ROOT = Path.of(System.getProperty("sluice.root"));
  static final StoreWriter.Options BUNDLED =
      new StoreWriter.Options(Container.FILE, Arrangement.BUNDLED, 0, Existing.REFUSE);

  private Checkpoints() {}

  static Path folder(String name) {
    Path twin = ROOT.resolve("models").resolve(name);
    return Files.exists(twin) ? twin : ROOT.resolve("fixtures/hf").resolve(name);
  }

  /** The store of a checkpoint in checkpoint order. */
  static synchronized Path imported(String name) {
    Path store = ScratchFolder.get().resolve(name + ".sluice");
    if (!Files.exists(store)) {
      Importer.importCheckpoint(folder(name), store, BUNDLED, (done, total) -> {});
    }
    return store;
  }

  static JsonNode expected(String name) {
    return JsonMapper.shared().readTree(folder(name).resolve("expected.json").toFile());
  }

  static int[] ints(JsonNode array) {
    return JsonMapper.shared().convertValue(array, int[].class);
  }

  static double[] doubles(JsonNode array) {
    return JsonMapper.shared().convertValue(array, double[].class);
  }
}
