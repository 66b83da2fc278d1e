package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What verify finds, and what it repairs from the checkpoint: byte for byte, or not at all. */
final class VerifyCommandTest {
  private static final long SEED = 11;

  @TempDir
  Path given;

  private Path checkpoint;
  private Path store;

  @BeforeEach
  void write() throws IOException {
    checkpoint = TinyCheckpoint.write(given.resolve("checkpoint")).folder();
    store = given.resolve("a.sluice");
  }

  private static CommandRun run(Object... line) {
    return CommandRun.inProcess(
        Arrays.stream(line).map(Object::toString).toArray(String[]::new));
  }

  private void importAs(String... options) {
    Object[] line = {"import", checkpoint, "-o", store};
    Object[] all = Arrays.copyOf(line, line.length + options.length);
    System.arraycopy(options, 0, all, line.length, options.length);
    run(all).assertDone();
  }

  /** Flips bits of pages of a file, one in each. */
  private static void damage(Path file, int pages, SplittableRandom random) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    for (int k = 0; k < pages; k++) {
      int page = random.nextInt(bytes.length / 4096);
      bytes[page * 4096 + random.nextInt(4096)] ^= (byte) (1 << random.nextInt(8));
    }
    Files.write(file, bytes);
  }

  private JsonNode json(int exit) {
    CommandRun run = run("verify", store, "--json");
    assertEquals(exit, run.exit(), run::toString);
    return JsonMapper.builder().build().readTree(run.out());
  }

  @Test
  void allFaultsAreListedWithWhatLiesThere() throws IOException {
    importAs();
    assertTrue(json(0).get("whole").booleanValue());
    Path ffn = store.resolve("ffn.bin");
    byte[] bytes = Files.readAllBytes(ffn);
    bytes[0] ^= 1; // layer 0, bundles of 512 bytes: neurons 0 to 7
    bytes[256 * 512 + 2 * 4096 + 513] ^= 1; // layer 1, page 2: neurons 16 to 23
    Files.write(ffn, bytes);
    Path dense = store.resolve("dense.bin");
    byte[] resident = Files.readAllBytes(dense);
    resident[10] ^= 1;
    Files.write(dense, resident);
    JsonNode report = json(1);
    assertEquals(3, report.get("faults").intValue());
    assertFalse(report.get("damages").get(0).get("tensors").isEmpty());
    assertEquals("[0,1,2,3,4,5,6,7]", report.get("damages").get(1).get("neurons").toString());
    assertEquals(1, report.get("damages").get(2).get("layer").intValue());
    assertEquals(16, report.get("damages").get(2).get("first_bundle").intValue());
    CommandRun text = run("verify", store);
    assertEquals(3, text.err().lines().count(), text::toString);
    assertTrue(text.err().contains(
        "(layer 1, bundles 16 to 23, neurons 16, 17, 18, 19, 20, 21, 22, 23); repair the store"),
        text::toString);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--container file", "--container lmdb", "--arrangement split", "--stride 1300",
        "--arrangement split --container lmdb --stride 700"
      })
  void damagedPagesAreWrittenAnewFromTheCheckpoint(String options) throws IOException {
    importAs(options.split(" "));
    Map<String, byte[]> sound = CrashScene.content(store);
    SplittableRandom random = new SplittableRandom(SEED);
    Path ffn = store.resolve(options.contains("lmdb") ? "ffn.mdb" : "ffn.bin");
    damage(ffn, 5, random);
    damage(store.resolve("dense.bin"), 5, random);
    run("verify", store, "--json", "--repair-from", checkpoint);
    // Pages of LMDB's own trees cannot be made again; no run reads them.
    JsonNode report = JsonMapper.builder().build().readTree(run("verify", store, "--json").out());
    for (JsonNode damage : report.get("damages")) {
      assertTrue(options.contains("lmdb"), report::toString);
      assertEquals("LMDB's own, read by no run", damage.path("place").stringValue());
    }
    Map<String, byte[]> now = CrashScene.content(store);
    for (int page = 0; page < sound.get(ffn.getFileName().toString()).length / 4096; page++) {
      if (!isDamaged(report, page)) {
        assertArrayEquals(page(sound, ffn, page), page(now, ffn, page), "page " + page);
      }
    }
    assertArrayEquals(sound.get("dense.bin"), now.get("dense.bin"));
  }

  private static boolean isDamaged(JsonNode report, int page) {
    for (JsonNode damage : report.get("damages")) {
      if (damage.path("page_offset_bytes").longValue() == page * 4096L) {
        return true;
      }
    }
    return false;
  }

  private static byte[] page(Map<String, byte[]> files, Path file, int page) {
    return Arrays.copyOfRange(files.get(file.getFileName().toString()), page * 4096,
        (page + 1) * 4096);
  }

  /** Columns of integers have their scales in dense.bin, made from the same tensor. */
  @ParameterizedTest
  @ValueSource(strings = {"arcee-q8_0", "llama-q4_0"})
  void aStoreOfAGgufIsRepairedFromIt(String name) throws IOException {
    checkpoint = Path.of(System.getProperty("sluice.root"), "fixtures", "gguf", name, "model.gguf");
    importAs();
    assertRepaired(12);
  }

  /** Neurons lie elsewhere than in the checkpoint; the catalog says where. */
  @Test
  void aBundledStoreIsRepairedFromTheCheckpoint() throws IOException {
    importAs();
    bundle("--order", "random");
    assertRepaired(12);
  }

  /** Its bytes are nowhere else; all others are repaired, those on pages that it does not reach. */
  @Test
  void whatWasEncodedAnewStaysDamaged() throws IOException {
    importAs();
    bundle("--quant", "attention=q8_0");
    Map<String, byte[]> sound = CrashScene.content(store);
    damage(store.resolve("ffn.bin"), 12, new SplittableRandom(SEED));
    byte[] dense = Files.readAllBytes(store.resolve("dense.bin"));
    dense[100] ^= 1; // of the embedding, which comes first
    dense[dense.length - 100] ^= 1; // of the last layer's attention
    Files.write(store.resolve("dense.bin"), dense);
    CommandRun repaired = run("verify", store, "--repair-from", checkpoint);
    assertEquals(1, repaired.exit(), repaired::toString);
    assertTrue(repaired.err().contains("layers.2.attention."), repaired::toString);
    dense[100] ^= 1;
    sound.put("dense.bin", dense);
    CrashScene.content(store).forEach(
        (name, bytes) -> assertArrayEquals(sound.get(name), bytes, name));
  }

  private void bundle(String... options) throws IOException {
    Path text = Files.writeString(given.resolve("text.txt"), "The mill turns. ".repeat(20));
    Path trace = given.resolve("a.trace");
    run("trace", "-m", store, "--text", text, "--tokens", "128", "-c", "64", "-o", trace)
        .assertDone();
    Path imported = store;
    store = given.resolve("bundled.sluice");
    Object[] line = {"bundle", "-m", imported, "--trace", trace, "-o", store};
    Object[] all = Arrays.copyOf(line, line.length + options.length);
    System.arraycopy(options, 0, all, line.length, options.length);
    run(all).assertDone();
  }

  private void assertRepaired(int pages) throws IOException {
    Map<String, byte[]> sound = CrashScene.content(store);
    SplittableRandom random = new SplittableRandom(SEED);
    damage(store.resolve("ffn.bin"), pages, random);
    damage(store.resolve("dense.bin"), pages, random);
    assertEquals(1, run("verify", store).exit());
    CommandRun repaired = run("verify", store, "--repair-from", checkpoint);
    repaired.assertDone();
    assertTrue(repaired.out().contains("repaired from"), repaired::toString);
    CrashScene.content(store).forEach(
        (name, bytes) -> assertArrayEquals(sound.get(name), bytes, name));
  }

  /** What was cut off, and what is missing altogether. */
  @Test
  void aFileThatIsTooShortIsMadeWhole() throws IOException {
    importAs();
    Map<String, byte[]> sound = CrashScene.content(store);
    Path ffn = store.resolve("ffn.bin");
    Files.write(ffn, Arrays.copyOf(Files.readAllBytes(ffn), 5000));
    Files.delete(store.resolve("dense.bin"));
    CommandRun seen = run("verify", store);
    assertEquals(1, seen.exit());
    assertTrue(seen.err().contains("has 5000 bytes instead of"), seen::toString);
    assertTrue(seen.err().contains("is missing"), seen::toString);
    run("verify", store, "--repair-from", checkpoint).assertDone();
    CrashScene.content(store).forEach(
        (name, bytes) -> assertArrayEquals(sound.get(name), bytes, name));
  }

  @Test
  void anotherCheckpointIsRefusedAndNothingWritten() throws IOException {
    importAs();
    damage(store.resolve("ffn.bin"), 12, new SplittableRandom(SEED));
    Map<String, byte[]> before = CrashScene.content(store);
    TinyCheckpoint other = TinyCheckpoint.write(given.resolve("other"));
    byte[] weights = Files.readAllBytes(other.weights());
    SplittableRandom random = new SplittableRandom(SEED);
    for (int at = weights.length / 2; at < weights.length; at += 2) {
      weights[at] ^= (byte) (random.nextInt(8) == 0 ? 1 : 0); // another training
    }
    Files.write(other.weights(), weights);
    CommandRun refused = run("verify", store, "--repair-from", other.folder());
    refused.assertRefused(CommandRun.BAD_INPUT, other.folder(), "is not what");
    CrashScene.content(store).forEach(
        (name, bytes) -> assertArrayEquals(before.get(name), bytes, name));
  }

  /** A crash on the way leaves some pages repaired and one torn; verify still tells, and the same command ends it. */
  @Test
  void aRepairThatWasInterruptedIsDoneAgain() throws IOException {
    importAs();
    Map<String, byte[]> sound = CrashScene.content(store);
    Path ffn = store.resolve("ffn.bin");
    SplittableRandom random = new SplittableRandom(SEED);
    damage(ffn, 12, random);
    byte[] damaged = Files.readAllBytes(ffn);
    byte[] whole = sound.get("ffn.bin");
    for (int cut = 1000; cut < damaged.length; cut += damaged.length / 3) {
      byte[] halfway = damaged.clone();
      System.arraycopy(whole, 0, halfway, 0, cut); // pages are written in ascending order
      Files.write(ffn, halfway);
      boolean isWhole = Arrays.equals(halfway, whole);
      assertEquals(isWhole ? 0 : 1, run("verify", store).exit());
      run("verify", store, "--repair-from", checkpoint).assertDone();
      assertArrayEquals(whole, Files.readAllBytes(ffn));
    }
  }

  @Test
  void aCatalogIsNotRepaired() throws IOException {
    importAs();
    damage(store.resolve("catalog.mdb"), 1, new SplittableRandom(SEED));
    CommandRun refused = run("verify", store, "--repair-from", checkpoint);
    refused.assertRefused(CommandRun.FAULT, store.resolve("catalog.mdb"), "import the model again");
  }

  @Test
  void whoSwitchesChecksOffIsTold() {
    importAs();
    String[] line = {"run", "-m", store.toString(), "--prompt-ids", "5,17", "-n", "4", "--json"};
    CommandRun checked = CommandRun.inProcess(line);
    checked.assertDone();
    assertEquals("", checked.err());
    String[] off = Arrays.copyOf(line, line.length + 2);
    off[line.length] = "--check";
    off[line.length + 1] = "off";
    CommandRun unchecked = CommandRun.inProcess(off);
    unchecked.assertDone();
    assertTrue(unchecked.err().contains("PAGES ARE NOT CHECKED"), unchecked::toString);
    assertTrue(unchecked.out().contains("PAGES ARE NOT CHECKED"), unchecked::toString);
    off[line.length + 1] = "perhaps";
    CommandRun.inProcess(off).assertRefused(CommandRun.BAD_INPUT, "--check perhaps", "neither on");
  }
}
