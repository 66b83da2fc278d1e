package dev.sluice.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Damage of every kind to every file must end in one line that names the file. */
class StoreCorruptionTest {
  private static final int FLIPS = 150;
  private static final int CUTS = 60;

  @TempDir
  Path scratch;

  static Stream<Arguments> files() {
    return Stream.of(Container.values())
        .flatMap(
            container -> Stream.of(
                StoreFormat.MANIFEST,
                StoreFormat.CATALOG,
                StoreFormat.DENSE,
                StoreFormat.ffnFile(container))
                .map(file -> Arguments.of(container, file)));
  }

  /** Opens and reads everything, as verify would. */
  private static void readAll(Path folder) {
    try (Store store = Store.open(folder);
        Arena arena = Arena.ofConfined()) {
      store.loadDense(arena);
      store.verify(ProgressListener.SILENT);
    }
  }

  private static void assertRefused(Path folder, String file, String damage) {
    try {
      readAll(folder);
    } catch (BadInputException | FaultException e) {
      assertTrue(
          e.getMessage().contains(folder.resolve(file).toString()),
          damage + ": " + e.getMessage());
      assertEquals(1, e.getMessage().lines().count(), e.getMessage());
      return;
    }
    fail(damage + " of " + file + " went unnoticed");
  }

  @ParameterizedTest
  @MethodSource("files")
  void flippedBits(Container container, String name) throws IOException {
    Path folder = StoreFixtures.write(scratch.resolve("tiny.sluice"), container, 3);
    Path file = folder.resolve(name);
    byte[] good = Files.readAllBytes(file);
    Random random = new Random(container.code() * 100L + name.hashCode());
    for (int i = 0; i < FLIPS; i++) {
      byte[] bad = good.clone();
      int bit = random.nextInt(bad.length * 8);
      bad[bit / 8] ^= (byte) (1 << (bit % 8));
      Files.write(file, bad);
      assertRefused(folder, name, "flipped bit " + bit);
    }
    // Several at once, and whole pages of noise or zeros.
    for (int i = 0; i < FLIPS / 3; i++) {
      byte[] bad = good.clone();
      int from = random.nextInt(bad.length);
      int to = Math.min(bad.length, from + 1 + random.nextInt(4096));
      byte[] noise = new byte[to - from];
      if (i % 2 == 0) {
        random.nextBytes(noise);
      }
      System.arraycopy(noise, 0, bad, from, noise.length);
      if (!Arrays.equals(bad, good)) {
        Files.write(file, bad);
        assertRefused(folder, name, "noise from " + from + " to " + to);
      }
    }
    Files.write(file, good);
    readAll(folder);
  }

  @ParameterizedTest
  @MethodSource("files")
  void cutShortOrTooLong(Container container, String name) throws IOException {
    Path folder = StoreFixtures.write(scratch.resolve("tiny.sluice"), container, 4);
    Path file = folder.resolve(name);
    byte[] good = Files.readAllBytes(file);
    Random random = new Random(name.hashCode());
    TreeSet<Integer> lengths = new TreeSet<>();
    for (int length : new int[] {0, 1, 11, 12, 13, 43, 44, 45, 4095, 4096, 4097, good.length - 1}) {
      lengths.add(Math.min(length, good.length - 1));
    }
    for (int page = 1; page < good.length / 4096; page++) {
      lengths.add(page * 4096);
    }
    while (lengths.size() < CUTS) {
      lengths.add(random.nextInt(good.length));
    }
    for (int length : lengths) {
      Files.write(file, Arrays.copyOf(good, length));
      assertRefused(folder, name, "cut to " + length);
    }
    Files.write(file, Arrays.copyOf(good, good.length + 1));
    assertRefused(folder, name, "one byte more");
    Files.write(file, Arrays.copyOf(good, good.length + 4096));
    assertRefused(folder, name, "one page more");
    Files.delete(file);
    assertRefused(folder, name, "deletion");
    Files.createDirectory(file);
    assertRefused(folder, name, "a folder instead");
  }

  @Test
  void damageThatOpenDoesNotReadIsFoundPageByPage() throws IOException {
    Path folder = StoreFixtures.write(scratch.resolve("tiny.sluice"), Container.FILE, 5);
    Path file = folder.resolve(StoreFormat.DENSE);
    byte[] bytes = Files.readAllBytes(file);
    bytes[0] ^= 4;
    Files.write(file, bytes);
    try (Store store = Store.open(folder);
        Arena arena = Arena.ofConfined()) {
      FaultException fault = assertThrows(FaultException.class, () -> store.loadDense(arena));
      assertTrue(fault.getMessage().startsWith(file + ": page at offset 0 "), fault.getMessage());
    }
  }

  @Test
  void wrongMagicAndVersions() throws IOException {
    Path folder = StoreFixtures.write(scratch.resolve("tiny.sluice"), Container.FILE, 6);
    Path file = folder.resolve(StoreFormat.MANIFEST);
    String good = Files.readString(file);
    assertTrue(good.startsWith("SLUICE STORE 0003 "), good);
    assertBadInput(folder, file, good.replace("SLUICE STORE", "SLUICE TRACE"), "not the manifest");
    assertBadInput(folder, file, "PK\u0003\u0004", "not the manifest");
    assertBadInput(
        folder,
        file,
        good.replace("STORE 0003", "STORE 0004"),
        "format version 4, this program reads versions 1 to 3; use a newer sluice");
    assertBadInput(
        folder, file, good.replace("STORE 0003", "STORE 0001"), "not a whole number from 1 to 1");
    assertBadInput(folder, file, good.replace("STORE 0003", "STORE 0000"), "format version 0");
    assertBadInput(folder, file, good.replace("STORE 0003", "STORE one!"), "header line");
  }

  private static void assertBadInput(Path folder, Path file, String content, String words)
      throws IOException {
    Files.writeString(file, content);
    BadInputException refusal =
        assertThrows(BadInputException.class, () -> Store.open(folder));
    assertTrue(
        refusal.getMessage().startsWith(file + ": ") && refusal.getMessage().contains(words),
        refusal.getMessage());
  }

  @Test
  void noStoreAtAll() throws IOException {
    Path missing = scratch.resolve("missing.sluice");
    BadInputException refusal =
        assertThrows(BadInputException.class, () -> Store.open(missing));
    assertTrue(refusal.getMessage().startsWith(missing + ": no such store"));
    Path empty = Files.createDirectory(scratch.resolve("empty.sluice"));
    assertThrows(BadInputException.class, () -> Store.open(empty));
    Path file = Files.writeString(scratch.resolve("file.sluice"), "x");
    assertThrows(BadInputException.class, () -> Store.open(file));
  }
}
