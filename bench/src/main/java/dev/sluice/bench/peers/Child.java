package dev.sluice.bench.peers;

import dev.sluice.storage.FaultException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs a command inside a memory group and on given processors, and watches it from outside. */
final class Child {
  private static final int LAST_WORDS_CHARACTERS = 300;

  private Child() {}

  /**
   * How a run went.
   *
   * @param startNanos when the command was started
   * @param answerNanos when its first output came, which is when all tokens had been evaluated
   * @param output all that it printed
   */
  record Outcome(long startNanos, long answerNanos, String output, Watch watch) {}

  /**
   * @param who names it in messages
   * @param processors as {@code taskset -c} takes them, such as {@code 0,1}
   * @throws FaultException if it fails; with what it wrote to standard error last
   */
  static Outcome run(String who, List<String> command, MemoryGroup group, String processors) {
    List<String> whole = new ArrayList<>();
    // The shell joins the group and becomes the command: nothing of it is ever outside the group.
    whole.addAll(List.of("sh", "-c", "echo $$ > \"$0\" && exec taskset -c \"$@\"",
        group.processes().toString(), processors));
    whole.addAll(command);
    Path errors = temporary();
    Process process = null;
    Thread hook = null;
    try {
      long start = System.nanoTime();
      process =
          new ProcessBuilder(whole).redirectInput(Redirect.from(Path.of("/dev/null").toFile()))
              .redirectError(errors.toFile()).start();
      Process started = process;
      hook = new Thread(() -> end(started, group));
      Runtime.getRuntime().addShutdownHook(hook);
      try (Watch watch = Watch.start(process.pid(), group)) {
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        InputStream in = process.getInputStream();
        int first = in.read();
        long answer = System.nanoTime();
        watch.sample();
        if (first >= 0) {
          output.write(first);
        }
        in.transferTo(output);
        int exit = process.waitFor();
        if (exit != 0) {
          throw new FaultException(who, reason(exit, group, lastWords(errors)),
              "give it more memory or run its command by hand");
        }
        return new Outcome(start, answer, output.toString(StandardCharsets.UTF_8), watch);
      }
    } catch (IOException e) {
      throw new FaultException(who, "cannot be started (" + FaultException.reason(e) + ")",
          "check that sh and taskset are installed", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new FaultException(who, "was interrupted", "start again", e);
    } finally {
      if (process != null) {
        process.destroyForcibly();
      }
      forget(hook);
      delete(errors);
    }
  }

  private static String reason(int exit, MemoryGroup group, String lastWords) {
    if (group.tally().killed() > 0) {
      return "was ended by the kernel: it needs more memory than its limit";
    }
    return "failed with exit code " + exit + (lastWords.isEmpty() ? "" : " (" + lastWords + ")");
  }

  /** Ctrl-C ends this process before its children: they go first, then their group can be removed. */
  private static void end(Process process, MemoryGroup group) {
    process.destroyForcibly();
    process.onExit().join();
    group.close();
  }

  private static void forget(Thread hook) {
    if (hook == null) {
      return;
    }
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      return; // the shutdown has begun and runs it
    }
  }

  private static Path temporary() {
    try {
      return Files.createTempFile("sluice-peer-", ".err");
    } catch (IOException e) {
      throw new FaultException("temporary folder",
          "cannot be written (" + FaultException.reason(e) + ")", "free some space in it", e);
    }
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      file.toFile().deleteOnExit();
    }
  }

  private static String lastWords(Path errors) throws IOException {
    String text = Files.readString(errors, StandardCharsets.ISO_8859_1).strip();
    String line = text.replaceAll("\\s+", " ");
    return line.substring(Math.max(0, line.length() - LAST_WORDS_CHARACTERS));
  }
}
