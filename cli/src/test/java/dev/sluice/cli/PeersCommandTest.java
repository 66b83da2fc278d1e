package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is checked before anything runs; each fault is one line that names the option or file. */
final class PeersCommandTest {
  @TempDir
  private Path folder;

  @Test
  void partsStillNeedAName() {
    assertFault("bench: no part is named", "bench");
    assertFault("bench nothing: there is no such part", "bench", "nothing");
  }

  @Test
  void inputIsCheckedFirst() throws IOException {
    Path gguf = folder.resolve("model.gguf");
    Path tokens = folder.resolve("tokens.json");
    assertFault(gguf + ": is no file", peers(gguf, tokens));
    Files.write(gguf, new byte[4 << 20]);
    assertFault(tokens + ": cannot be read", peers(gguf, tokens));
    Files.writeString(tokens, "{\"prompt_ids\": [1], \"continuation_ids\": [2]}");
    assertFault("--tokens: there are 1 tokens of prompt, not 2",
        peers(gguf, tokens, "--prompt-tokens", "2"));
    assertFault("--rivals nobody: ", peers(gguf, tokens, "--rivals", "llama,nobody"));
    assertFault("--ram 1/0: ", peers(gguf, tokens, "--ram", "1/2,1/0"));
    assertFault("half: is no size", peers(gguf, tokens, "--ram", "half"));
    assertFault("--runs or --max-decode-seconds: ", peers(gguf, tokens, "--runs", "0"));
    assertFault(gguf + ": is no store", peers(gguf, tokens, "--store", gguf.toString()));
  }

  private static String[] peers(Path gguf, Path tokens, String... more) {
    List<String> all = new ArrayList<>(
        List.of("bench", "peers", "--gguf", gguf.toString(), "--tokens", tokens.toString()));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }

  private static void assertFault(String start, String... args) {
    StringWriter err = new StringWriter();
    int exit = new Main().commandLine().setOut(new PrintWriter(new StringWriter()))
        .setErr(new PrintWriter(err)).execute(args);
    assertEquals(2, exit, err::toString);
    assertTrue(err.toString().startsWith("sluice: " + start), err::toString);
    assertEquals(1, err.toString().lines().count());
  }
}
