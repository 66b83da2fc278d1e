package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A sound store, and everything else wrong: budgets, prompts, texts, traces, disks that are full. */
final class BadArgumentsTest {
  @TempDir
  static Path work;

  @TempDir
  static Path scratch;

  private static Path store;
  private static Path text;
  private static Path trace;

  @BeforeAll
  static void makeStoreAndTrace() throws IOException {
    Path checkpoint = TinyCheckpoint.write(scratch.resolve("checkpoint")).folder();
    store = work.resolve("tiny.sluice");
    CommandRun.inProcess("import", checkpoint.toString(), "-o", store.toString()).assertDone();
    text = Files.writeString(work.resolve("text.txt"), "The mill turns. ".repeat(20));
    trace = work.resolve("tiny.trace");
    run("trace -m STORE --text TEXT --tokens 128 -c 64 -o TRACE").assertDone();
    Files.writeString(work.resolve("empty.txt"), "");
    Files.writeString(work.resolve("short.txt"), "too short");
    Files.write(work.resolve("latin1.txt"), new byte[] {'c', 'a', 'f', (byte) 0xe9});
    byte[] bytes = Files.readAllBytes(trace);
    Files.write(work.resolve("cut.trace"), Arrays.copyOf(bytes, bytes.length - 100));
    bytes[bytes.length / 2] ^= 1;
    Files.write(work.resolve("flipped.trace"), bytes);
    // The same model with another content: the trace is not of this one.
    CommandRun.inProcess("import", checkpoint.toString(), "-o",
        work.resolve("other.sluice").toString(), "--stride", "1024").assertDone();
    Files.delete(checkpoint.resolve(TinyCheckpoint.TOKENIZER));
    CommandRun.inProcess("import", checkpoint.toString(), "-o",
        work.resolve("mute.sluice").toString()).assertDone();
  }

  private static String filled(String word) {
    return switch (word) {
      case "STORE" -> store.toString();
      case "TEXT" -> text.toString();
      case "TRACE" -> trace.toString();
      default -> word.startsWith("@") ? work.resolve(word.substring(1)).toString() : word;
    };
  }

  /** Words are parted by blanks; {@code @NAME} is a file of the work folder. */
  private static CommandRun run(String line) {
    return CommandRun.inProcess(
        Stream.of(line.split(" ")).map(BadArgumentsTest::filled).toArray(String[]::new));
  }

  static Stream<Arguments> lines() {
    return Stream.of(
        Arguments.of("run -m STORE --prompt-ids 1,2 --ram 1M", "--ram",
            "1024 KiB are less than the"),
        Arguments.of("run -m STORE --prompt-ids 1,2 --ram 0", "--ram", "0 KiB are less than the"),
        Arguments.of("run -m STORE --prompt-ids 1,2 --ram lots", "--ram lots",
            "is no possible size"),
        Arguments.of("run -m STORE --prompt-ids 1,2 --ram 99999999999999G",
            "--ram 99999999999999G", "is no possible size"),
        Arguments.of("run -m STORE --prompt-ids 1,2 --ram 1000000G", "--ram",
            "MiB are more than the"),
        Arguments.of("run -m STORE --prompt-ids 1,2 --ram 1G --predictor oracle",
            "--predictor oracle", "no budget is charged for"),
        Arguments.of("plan -m STORE --ram 1M", "--ram", "1024 KiB are less than the"),
        Arguments.of("plan -m STORE -c 257", "--ctx-size 257", "give 1 to 256"),
        Arguments.of("plan -m STORE -c 9 --prompt-tokens 10", "--prompt-tokens 10",
            "do not fit in a context of 9"),
        Arguments.of("plan -m STORE --predictor quantised-4", "@tiny.sluice", "no predictor"),
        Arguments.of("run -m STORE --prompt-ids 1,2 --ffn-ram half", "--ffn-ram half",
            "neither a size nor a share"),
        Arguments.of("run -m STORE --prompt-ids 1,2 --ffn-ram 101%", "--ffn-ram 101%",
            "out of range"),
        Arguments.of("run -m STORE --prompt-ids 1,2 --cache fifo", "--cache fifo",
            "there is no such policy"),
        Arguments.of("run -m STORE --prompt-ids 1,2 --cache lru --window 5", "--window 5",
            "--cache lru has no window"),
        Arguments.of("run -m STORE --prompt-ids 1,2 --window 9999", "--window 9999",
            "out of range"),
        Arguments.of("run -m STORE --prompt-ids 1,2 --preset flexgen", "--preset flexgen",
            "there is no such preset"),
        Arguments.of("run -m STORE --prompt-ids 1,2 --predictor griffin-0", "--predictor griffin-0",
            "there is no such predictor"),
        Arguments.of("perplexity -m STORE --text TEXT -c 64 --predictor griffin-30",
            "--predictor griffin-30",
            "needs a prompt"),
        Arguments.of("plan -m STORE --cache fifo", "--cache fifo", "there is no such policy"),
        Arguments.of("bench caches -m STORE --trace TRACE --policies fifo", "--policies fifo",
            "there is no such policy"),
        Arguments.of("bench caches -m STORE --trace TRACE --slots 200%", "--slots 200%",
            "out of range"),
        Arguments.of("bench caches -m STORE --trace TRACE --rounds 0",
            "--warm-tokens, --tokens or --rounds", "too small"),
        Arguments.of("bench caches -m STORE --trace TRACE", "TRACE", "has 128 tokens"),
        Arguments.of("bench caches -m STORE --trace TRACE --warm-tokens 0 --tokens 16 --rounds 2",
            "STORE",
            "has no frequencies"),
        Arguments.of("run -m STORE --prompt-ids 1,512", "--prompt-ids", "512 is no token id"),
        Arguments.of("run -m STORE --prompt-ids 1,-1", "--prompt-ids", "-1 is no token id"),
        Arguments.of("run -m STORE --prompt-ids 1,,2", "--prompt-ids", "'' is no token id"),
        Arguments.of("run -m STORE --prompt-ids 1,99999999999", "--prompt-ids", "99999999999"),
        Arguments.of("run -m STORE -f @latin1.txt", "@latin1.txt", "not UTF-8 at byte offset 3"),
        Arguments.of("run -m STORE -f @empty.txt", "@empty.txt", "the prompt is empty"),
        Arguments.of("run -m STORE -f @missing.txt", "@missing.txt", "there is no such file"),
        Arguments.of("run -m STORE -f @tiny.sluice", "@tiny.sluice", "is a folder"),
        Arguments.of("run -m STORE -f TEXT", "prompt", "320 tokens do not fit"),
        Arguments.of("run -m STORE -p a --prompt-ids 1", "run", "more than one prompt"),
        Arguments.of("run -m STORE", "run", "there is no prompt"),
        Arguments.of("run -m STORE -p hello -c 3", "prompt", "5 tokens do not fit"),
        Arguments.of("run -m STORE -p a -c 257", "--ctx-size 257", "give 1 to 256"),
        Arguments.of("run -m STORE -p a -n -1", "--predict -1", "negative"),
        Arguments.of("run -m STORE -p a --cett 0.1", "@tiny.sluice", "no thresholds"),
        Arguments.of("run -m STORE -p a --predictor quantised-4", "@tiny.sluice",
            "no predictor"),
        Arguments.of("run -m STORE -p a --predictor tarot", "--predictor tarot",
            "there is no such predictor"),
        Arguments.of("run -m STORE -p a --predictor certified-4@2", "--predictor certified-4@2",
            "lies between 0 and 1"),
        Arguments.of("run -m STORE -p a --exact", "@tiny.sluice", "no certified copy"),
        Arguments.of("run -m STORE -p a --exact --predictor certified-4", "@tiny.sluice",
            "no predictor certified-4"),
        Arguments.of("run -m STORE -p a --exact --predictor all", "--predictor all",
            "needs one that proves"),
        Arguments.of("run -m STORE -p a --exact --rule output", "--exact",
            "a threshold leaves out what is not 0"),
        Arguments.of("run -m STORE -p a --exact-delta 2 --predictor certified-4",
            "--exact-delta 2.0", "a probability lies between 0 and 1"),
        Arguments.of(
            "perplexity -m STORE --text TEXT -c 64 --exact --exact-delta 1e-9 --predictor certified-4",
            "--exact-delta 1.0E-9", "leaves nothing to chance"),
        Arguments.of("run -m STORE -p a --exact-delta 1e-299 --predictor certified-4",
            "--exact-delta 1.0E-299", "decisions would get less"),
        Arguments.of("bundle -m STORE --trace TRACE -o @new --predictors certified-7",
            "predictor certified-7", "cannot be fitted"),
        Arguments.of("bench certified -m STORE --trace TRACE --bits 3", "--bits",
            "have 4, 5, 6 or 8 bits"),
        Arguments.of("bench certified -m @other.sluice --trace TRACE --text TEXT", "TRACE",
            "it was not recorded from"),
        Arguments.of("run -m STORE -p a --logits-out @tiny.sluice", "@tiny.sluice",
            "is a folder"),
        Arguments.of("run -m STORE -p a --logits-out @no/where", "@no/where",
            "there is no such file or folder"),
        Arguments.of("run -m @mute.sluice -p a", "@mute.sluice", "no tokenizer"),
        Arguments.of("run -m @missing.sluice -p a", "@missing.sluice", "no such store"),
        Arguments.of("run -m @text.txt -p a", "@text.txt", "no such file"),
        Arguments.of("trace -m STORE --text @latin1.txt -o @new", "@latin1.txt", "not UTF-8"),
        Arguments.of("trace -m STORE --text @short.txt -o @new", "@short.txt", "9 tokens"),
        Arguments.of("trace -m STORE --text TEXT --search-text TEXT -o @new", "--search-text",
            "it is the text that is traced"),
        Arguments.of("trace -m STORE --text TEXT --tokens 128 -c 64 -o TRACE", "TRACE",
            "exists already"),
        Arguments.of("trace -m STORE --text TEXT -c 64 -o @no/where", "@no/where",
            "its folder does not exist"),
        Arguments.of("perplexity -m STORE --text @latin1.txt", "@latin1.txt", "not UTF-8"),
        Arguments.of("bundle -m STORE --trace @cut.trace -o @new", "@cut.trace",
            "unfinished or was cut short"),
        Arguments.of("bundle -m STORE --trace @flipped.trace -o @new", "@flipped.trace",
            "is wrong"),
        Arguments.of("bundle -m STORE --trace TEXT -o @new", "TEXT", "is not a Sluice trace"),
        Arguments.of("bundle -m @other.sluice --trace TRACE -o @new", "TRACE",
            "it was not recorded from"),
        Arguments.of("bundle -m STORE --trace TRACE -o @new --predictor-bits 5",
            "--predictor-bits 5", "give any of 1, 2, 3, 4, 8"),
        Arguments.of("verify TEXT", "TEXT", "no such file"));
  }

  @ParameterizedTest
  @MethodSource("lines")
  void refusedAndNothingWritten(String line, String where, String cause) throws IOException {
    FolderContent before = FolderContent.of(work);
    CommandRun run = run(line);
    run.assertRefused(
        CommandRun.BAD_INPUT, filled(where), cause);
    before.assertUnchanged();
  }

  /** The number that a refusal names is enough. */
  @Test
  void theRamThatIsAskedForWillDo() {
    CommandRun refused = run("run -m STORE --prompt-ids 1,2 -n 2 --ram 1M");
    Matcher wanted = Pattern.compile("give at least --ram (\\d+M)").matcher(refused.err());
    assertTrue(wanted.find(), refused::toString);
    run("run -m STORE --prompt-ids 1,2 -n 2 --ram " + wanted.group(1)).assertDone();
  }

  @Test
  void fullDisksLoseNothing() throws IOException {
    try (SmallDisk disk = SmallDisk.mount(scratch, 3 << 19)) {
      Path there = disk.folder().resolve("there.sluice");
      String checkpoint = scratch.resolve("checkpoint").toString();
      CommandRun.inProcess("import", checkpoint, "-o", there.toString()).assertDone();
      disk.leave(64 << 10);
      FolderContent before = FolderContent.of(disk.folder());
      String ids = String.join(",", IntStream.range(0, 200).mapToObj(Integer::toString).toList());
      Path target = disk.folder().resolve("new");
      for (List<String> line : List.of(
          List.of("import", checkpoint, "-o", target.toString()),
          List.of("import", checkpoint, "-o", there.toString(), "--force"),
          List.of("bundle", "-m", store.toString(), "--trace", trace.toString(), "-o",
              target.toString()),
          List.of("run", "-m", store.toString(), "--prompt-ids", ids, "-n", "1", "--logits-out",
              target.toString()))) {
        CommandRun run = CommandRun.inProcess(line.toArray(String[]::new));
        run.assertRefused(CommandRun.FAULT, disk.folder(), "free some space");
        before.assertUnchanged();
      }
      Files.delete(disk.folder().resolve("filling"));
      disk.leave(4 << 10);
      before = FolderContent.of(disk.folder());
      CommandRun run =
          run("trace -m STORE --text TEXT --tokens 256 -c 64 -o " + target);
      run.assertRefused(CommandRun.FAULT, disk.folder(), "No space left on device");
      before.assertUnchanged();
    }
  }

  /** Only the real process has arguments of bytes, exit codes and a standard output that can be full. */
  @Test
  void theRealProcess() throws IOException {
    String main = CommandRun.jvm(Main.class);
    FolderContent before = FolderContent.of(work);
    CommandRun.inShell(scratch, main + " run -m \"$1\" -p \"$(printf 'caf\\351')\"",
        store.toString())
        .assertRefused(CommandRun.BAD_INPUT, "-p", "its text is not UTF-8");
    CommandRun.inShell(scratch, main + " run -m \"$1\" --prompt-ids 5,17 -n 4 >/dev/full",
        store.toString())
        .assertRefused(CommandRun.FAULT, "standard output", "No space left on device");
    CommandRun done =
        CommandRun.inShell(scratch, main + " run -m \"$1\" -p 'caf\u00e9' -n 4 --json",
            store.toString());
    done.assertDone();
    assertEquals("", done.err());
    assertTrue(done.out().contains("\"prompt_ids\" : [ 100, 98, 103, 196, 170 ]"), done::toString);
    before.assertUnchanged();
  }
}
