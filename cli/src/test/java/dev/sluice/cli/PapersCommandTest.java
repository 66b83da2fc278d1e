package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is checked before minutes of work, and the help. */
final class PapersCommandTest {
  @TempDir
  private Path folder;

  @Test
  void inputIsCheckedFirst() throws IOException {
    Path text = Files.writeString(folder.resolve("text.txt"), "A text.");
    assertFault("--only nothing: there is no such experiment", text, "--only", "nothing");
    assertFault("--twins gelu: there is no such twin", text, "--twins", "gelu");
    assertFault("bench papers: no model is named", text, "--twins", "none");
    assertFault("--tokens 255: is less than one window", text, "--tokens", "255");
    assertFault(folder.resolve("no/page.html") + ": its folder does not exist", text, "--html",
        folder.resolve("no/page.html").toString());
    assertFault(folder.resolve("no.sluice") + ": ", text, "--twins", "none",
        folder.resolve("no.sluice").toString());
  }

  @Test
  void theHelpFitsATerminalAndNamesTheExperiments() {
    CommandRun help = CommandRun.inProcess("bench", "papers", "--help");
    help.assertDone();
    help.out().lines().forEach(line -> assertTrue(line.length() <= 80, line));
    for (String key : new String[] {"agreement", "sparsity", "cett", "affinity", "magnitudes",
      "predictivity", "ranking"}) {
      assertTrue(help.out().contains(key), key);
    }
  }

  private void assertFault(String start, Path text, String... more) {
    String[] args = new String[more.length + 6];
    System.arraycopy(new String[] {"bench", "papers", "--text", text.toString(), "--dir",
      folder.resolve("data").toString()}, 0, args, 0, 6);
    System.arraycopy(more, 0, args, 6, more.length);
    StringWriter err = new StringWriter();
    int exit = new Main().commandLine().setOut(new PrintWriter(new StringWriter()))
        .setErr(new PrintWriter(err)).execute(args);
    assertEquals(2, exit, err::toString);
    assertTrue(err.toString().startsWith("sluice: " + start), err::toString);
    assertEquals(1, err.toString().lines().count());
  }
}
