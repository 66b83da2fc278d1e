package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.storage.store.Container;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** One store on a disk that nobody may write, read by several processes at once: no lock file, no trace, the same tokens. */
final class SharedStoreTest {
  private static final Pattern TOKENS = Pattern.compile("\"token_ids\" : \\[[^\\]]*\\]");
  private static final int PROCESSES = 3;

  @TempDir
  Path given;

  @ParameterizedTest
  @EnumSource(Container.class)
  void severalProcessesReadOne(Container container) throws IOException {
    Path checkpoint = TinyCheckpoint.write(given.resolve("checkpoint")).folder();
    try (SmallDisk disk = SmallDisk.mount(given, 4 << 20)) {
      Path store = disk.folder().resolve("a.sluice");
      CommandRun.inProcess("import", checkpoint.toString(), "-o", store.toString(), "--container",
          container.name().toLowerCase(Locale.ROOT)).assertDone();
      CommandRun remount =
          CommandRun.inShell(given, "exec mount -o remount,ro \"$1\"", disk.folder().toString());
      assumeTrue(remount.exit() == 0, remount::err);
      FolderContent before = FolderContent.of(disk.folder());
      String[] line = {
        "run", "-m", store.toString(), "--prompt-ids", "5,17,300", "-n", "12", "--temp", "0",
        "--json"
      };
      String alone = tokens(CommandRun.inProcess(line));
      List<CompletableFuture<CommandRun>> runs = new ArrayList<>();
      for (int k = 0; k < PROCESSES; k++) {
        runs.add(CompletableFuture.supplyAsync(() -> inChild(line)));
      }
      for (CompletableFuture<CommandRun> run : runs) {
        assertEquals(alone, tokens(run.join()));
      }
      CommandRun.inProcess("verify", store.toString()).assertDone();
      before.assertUnchanged();
    }
  }

  private CommandRun inChild(String... line) {
    try {
      return CommandRun.inChild(given, Main.class, line);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String tokens(CommandRun run) {
    run.assertDone();
    Matcher tokens = TOKENS.matcher(run.out());
    assertTrue(tokens.find(), run::toString);
    return tokens.group();
  }
}
