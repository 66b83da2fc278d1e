package dev.sluice.storage.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Makes the frozen examples of the version that is written now, sound and damaged. Run once, when a version is new: {@code
 * FrozenExamples storage/src/test/resources/store-vN}; then the folder never changes again.
 */
final class FrozenExamples {
  static final long SEED = 20260101;

  private static final int PAGE_BYTES = 4096;

  private FrozenExamples() {}

  /** Writes them into a folder that does not exist. */
  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    Files.createDirectories(folder.resolve("corrupt"));
    Path file = write(folder.resolve("file.sluice"), Container.FILE);
    Path lmdb = write(folder.resolve("lmdb.sluice"), Container.LMDB);
    flip(damaged(file, "manifest-flipped").resolve("MANIFEST"), 300, 0);
    cut(damaged(file, "manifest-cut").resolve("MANIFEST"), 200);
    edit(damaged(file, "manifest-newer").resolve("MANIFEST"),
        "STORE %04d".formatted(StoreFormat.VERSION),
        "STORE %04d".formatted(StoreFormat.VERSION + 1));
    edit(damaged(file, "manifest-other-magic").resolve("MANIFEST"), "SLUICE STORE", "SLUICE TRACE");
    flip(damaged(file, "catalog-flipped").resolve("catalog.mdb"), 9000, 3);
    cut(damaged(lmdb, "catalog-cut").resolve("catalog.mdb"), 2 * PAGE_BYTES);
    flip(damaged(file, "dense-flipped").resolve("dense.bin"), 100, 6);
    Files.delete(damaged(file, "dense-missing").resolve("dense.bin"));
    flip(damaged(file, "ffn-flipped").resolve("ffn.bin"), 9001, 1);
    cut(damaged(lmdb, "ffn-cut").resolve("ffn.mdb"), 5 * PAGE_BYTES);
    flip(damaged(lmdb, "ffn-padding-flipped").resolve("ffn.mdb"), 45000, 0);
  }

  private static Path write(Path target, Container container) {
    return StoreFixtures.write(
        target,
        StoreFixtures.residentGateSpec(),
        new StoreWriter.Options(container, Arrangement.BUNDLED, 0, Existing.REFUSE),
        SEED);
  }

  private static Path damaged(Path sound, String name) throws IOException {
    Path copy = sound.resolveSibling("corrupt").resolve(name + ".sluice");
    StoreFixtures.copy(sound, copy);
    return copy;
  }

  private static void flip(Path file, int at, int bit) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[at] ^= (byte) (1 << bit);
    Files.write(file, bytes);
  }

  private static void cut(Path file, int bytes) throws IOException {
    Files.write(file, Arrays.copyOf(Files.readAllBytes(file), bytes));
  }

  private static void edit(Path file, String from, String to) throws IOException {
    String text = Files.readString(file, StandardCharsets.UTF_8);
    Files.writeString(file, text.replace(from, to), StandardCharsets.UTF_8);
  }
}
