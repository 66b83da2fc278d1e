package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import picocli.CommandLine;

/**
 * What one command line led to.
 *
 * @param exit exit code
 * @param out all of standard output
 * @param err all of standard error
 */
record CommandRun(int exit, String out, String err) {
  static final int FAULT = 1;
  static final int BAD_INPUT = 2;

  /** What the JVM itself says, and {@code ./sluice} filters out. */
  private static final String INCUBATOR_WARNING =
      "WARNING: Using incubator modules: jdk.incubator.vector\n";

  private static final Pattern WHERE_CAUSE_ACTION = Pattern.compile("sluice: (.+): (.+); .+");
  private static final long PATIENCE_SECONDS = 120;

  /** Runs in this JVM, through the command line that {@link Main} builds; one at a time, as standard error is caught. */
  static CommandRun inProcess(String... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine line = new Main().commandLine(args);
    line.setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    PrintStream stderr = System.err;
    ByteArrayOutputStream besides = new ByteArrayOutputStream(); // what did not go through the command line
    System.setErr(new PrintStream(besides, true, StandardCharsets.UTF_8));
    try {
      int exit = line.execute(args);
      line.getOut().flush();
      line.getErr().flush();
      return new CommandRun(exit, out.toString(), err + besides.toString(StandardCharsets.UTF_8));
    } finally {
      System.setErr(stderr);
    }
  }

  /** Runs {@code main} of a class in a JVM of its own. */
  static CommandRun inChild(Path scratch, Class<?> main, String... args) throws IOException {
    return inShell(scratch, jvm(main) + " \"$@\"", args);
  }

  /**
   * Runs a line of {@code sh}.
   *
   * @param scratch a folder for its output
   * @param script may use {@code "$@"} for {@code args}
   */
  static CommandRun inShell(Path scratch, String script, String... args) throws IOException {
    List<String> command = new ArrayList<>(List.of("sh", "-c", script, "sh"));
    command.addAll(List.of(args));
    Path out = Files.createTempFile(scratch, "stdout", ".txt");
    Path err = Files.createTempFile(scratch, "stderr", ".txt");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
    builder.environment().put("LC_ALL", "C.UTF-8");
    Process process = builder.start();
    try {
      boolean ended = process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
      assertTrue(ended, () -> "still running: " + command);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } finally {
      process.destroyForcibly();
    }
    String said = Files.readString(err, StandardCharsets.UTF_8);
    CommandRun run =
        new CommandRun(
            process.exitValue(), Files.readString(out), said.replace(INCUBATOR_WARNING, ""));
    Files.delete(out);
    Files.delete(err);
    return run;
  }

  /** The words of {@code sh} that start a JVM like this one, quick to start. */
  static String jvm(Class<?> main) {
    String modules =
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
            .filter(argument -> argument.startsWith("--"))
            .collect(Collectors.joining(" "));
    return "exec '" + Path.of(System.getProperty("java.home"), "bin", "java") + "' " + modules
        + " -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -cp '"
        + System.getProperty("java.class.path") + "' " + main.getName();
  }

  /** Exactly one line on standard error: the place, then the cause, then what to do; and nothing on standard output. */
  void assertRefused(int expectedExit, Object where, String cause) {
    assertEquals(1, err.lines().count(), this::toString);
    assertTrue(err.endsWith("\n"), this::toString);
    String line = err.strip();
    assertTrue(WHERE_CAUSE_ACTION.matcher(line).matches(), this::toString);
    assertTrue(line.startsWith("sluice: " + where), () -> "does not name " + where + ": " + this);
    assertTrue(line.contains(cause), () -> "does not say '" + cause + "': " + this);
    assertFalse(line.contains("Exception") || line.contains("fault in Sluice"), this::toString);
    assertEquals("", out);
    assertEquals(expectedExit, exit, this::toString);
  }

  /** All that a command line should say when nothing is wrong. */
  void assertDone() {
    assertEquals(0, exit, this::toString);
  }
}
