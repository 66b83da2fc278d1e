package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.cache.CachePolicy;
import dev.sluice.storage.posix.MemoryLimit;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class PlanCommandTest {
  private static final long GIB = 1L << 30;

  @TempDir
  static Path work;

  private static String store;

  @BeforeAll
  static void makeStore() throws IOException {
    Path checkpoint = TinyCheckpoint.write(work.resolve("checkpoint")).folder();
    store = work.resolve("tiny.sluice").toString();
    CommandRun.inProcess("import", checkpoint.toString(), "-o", store).assertDone();
  }

  @Test
  void theSplitAddsUpToWhatWasGiven() {
    CommandRun run = CommandRun.inProcess("plan", "-m", store, "--ram", "1G", "--json");
    run.assertDone();
    JsonNode plan = JsonMapper.shared().readTree(run.out());
    JsonNode memory = plan.get("memory");
    long charged = 0;
    for (String share : new String[] {"dense", "scale", "key_value", "predictor", "staging",
      "spill", "prompt", "index", "spare_heap", "code_cache", "metaspace", "direct_buffer",
      "native"}) {
      charged += memory.get(share + "_bytes").asLong();
    }
    charged += memory.get("slots").asLong() * memory.get("slot_bytes").asLong();
    assertTrue(charged <= GIB, run::toString);
    assertEquals(memory.get("all_bundles"), memory.get("slots"), "a tiny model fits whole");
    JsonNode all = plan.get("predictors").get(0);
    assertEquals(0, all.get("expected_bytes_read_per_token").asDouble());
    assertTrue(plan.get("device").get("bytes_per_s").asDouble() > 0);
    assertTrue(plan.get("floor_bytes").asLong() < GIB);
  }

  @Test
  void tablesNameEveryShare() {
    CommandRun run = CommandRun.inProcess("plan", "-m", store, "--ram", "1G", "-c", "16");
    run.assertDone();
    for (String word : new String[] {"dense weights", "keys and values", "slots", "floor",
      "requests", "device:", "cgroup"}) {
      assertTrue(run.out().contains(word), word + ": " + run.out());
    }
  }

  @Test
  void aCacheIsChargedForItsHeapAndChangesNoText() {
    JsonNode expected = null;
    long least = Long.MAX_VALUE;
    long most = 0;
    for (String name : CachePolicy.NAMES) {
      CommandRun plan =
          CommandRun.inProcess("plan", "-m", store, "--ram", "1G", "--cache", name, "--json");
      plan.assertDone();
      long index =
          JsonMapper.shared().readTree(plan.out()).get("memory").get("index_bytes").asLong();
      least = Math.min(least, index);
      most = Math.max(most, index);
      CommandRun run = CommandRun.inProcess("run", "-m", store, "--prompt-ids", "1,2", "-n", "8",
          "--cache", name, "--json");
      run.assertDone();
      JsonNode object = JsonMapper.shared().readTree(run.out());
      assertEquals(name, object.get("cache").asString());
      expected = expected == null ? object.get("token_ids") : expected;
      assertEquals(expected, object.get("token_ids"), name);
    }
    assertTrue(most > least, "Caffeine's entries take more than arrays");
    CommandRun all =
        CommandRun.inProcess("run", "-m", store, "--prompt-ids", "1,2", "-n", "2", "--json");
    assertEquals("window", JsonMapper.shared().readTree(all.out()).get("cache").asString(),
        "where every neuron is read, what is dropped is needed at once");
  }

  /** The launcher asks this before it starts the JVM that runs. */
  @Test
  void theJvmIsToldItsShareOnlyUnderACeiling() throws IOException {
    String[] verb = {"run", "-m", store, "--prompt-ids", "1,2", "-n", "2", "--ram", "1G"};
    CommandRun sized = CommandRun.inChild(work, JvmSizing.class, verb);
    sized.assertDone();
    assertTrue(sized.out().lines().anyMatch(line -> line.matches("-Xmx\\d+m")), sized::toString);
    assertTrue(sized.out().lines().allMatch(line -> line.startsWith("-X")), sized::toString);
    CommandRun free =
        CommandRun.inChild(work, JvmSizing.class, "run", "-m", store, "--prompt-ids", "1,2");
    assertEquals(new CommandRun(0, "", ""), free);
    CommandRun wrong =
        CommandRun.inChild(work, JvmSizing.class, "run", "-m", "/nowhere", "--ram", "1G");
    assertEquals(new CommandRun(0, "", ""), wrong);
  }

  @Test
  void autoIsWhatTheGroupAllowsOrMostOfWhatIsLeft() {
    MemoryLimit.Group group = new MemoryLimit.Group(Path.of("/sys/x"), GIB);
    MemoryLimit tight = new MemoryLimit(Optional.of(group), OptionalLong.of(16 * GIB));
    MemoryLimit free = new MemoryLimit(Optional.empty(), OptionalLong.of(16 * GIB));
    assertEquals(GIB, RamCeiling.bytes("auto", tight));
    assertEquals(14 * GIB, RamCeiling.bytes("auto", free));
    assertEquals(2 * GIB, RamCeiling.bytes("2G", tight));
    MemoryLimit silent = new MemoryLimit(Optional.empty(), OptionalLong.empty());
    assertThrows(BadInputException.class, () -> RamCeiling.bytes("auto", silent));
  }

  @Test
  void aCeilingAboveWhatCanBeHadIsRefusedWithWhatWouldDo() {
    MemoryLimit.Group group = new MemoryLimit.Group(Path.of("/sys/x"), GIB);
    MemoryLimit tight = new MemoryLimit(Optional.of(group), OptionalLong.of(16 * GIB));
    RamCeiling.check(GIB, GIB / 2, tight);
    BadInputException above =
        assertThrows(BadInputException.class, () -> RamCeiling.check(GIB + 1, GIB / 2, tight));
    assertTrue(above.getMessage().contains("/sys/x"), above.getMessage());
    assertTrue(above.getMessage().contains("at most --ram 1024M"), above.getMessage());
    BadInputException hopeless =
        assertThrows(BadInputException.class, () -> RamCeiling.check(2 * GIB, 2 * GIB, tight));
    assertTrue(hopeless.getMessage().contains("at least 2048 MiB"), hopeless.getMessage());
    MemoryLimit free = new MemoryLimit(Optional.empty(), OptionalLong.of(2 * GIB));
    RamCeiling.check(2 * GIB, GIB, free);
    assertThrows(BadInputException.class, () -> RamCeiling.check(3 * GIB, GIB, free));
  }
}
