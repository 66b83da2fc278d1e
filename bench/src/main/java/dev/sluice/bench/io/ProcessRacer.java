package dev.sluice.bench.io;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.Libc;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A process that reads lists when told to, by the lines that {@code ring.c} describes. It sleeps between laps. Processor time is asked of the kernel, from outside, by the same means for all. Not thread-safe.
 */
final class ProcessRacer implements Racer {
  private static final String READY = "ready";
  /** After so many, compilers are done with a reader. */
  private static final int WARM_REQUESTS = 200_000;

  private static final int LAST_WORDS_CHARACTERS = 300;
  private static final int END_SECONDS = 5;

  private final String name;
  private final Process process;
  private final Thread hook;
  private final BufferedReader answers;
  private final OutputStream commands;
  private final Path errors;
  private final Path file;
  private final String greeting;
  private long requests;

  private ProcessRacer(String name, Process process, Path errors, Path file)
      throws IOException {
    this.name = name;
    this.process = process;
    this.errors = errors;
    this.file = file;
    hook = new Thread(process::destroyForcibly);
    Runtime.getRuntime().addShutdownHook(hook);
    answers = process.inputReader(StandardCharsets.UTF_8);
    commands = process.getOutputStream();
    greeting = expect(READY).substring(READY.length()).strip();
  }

  /**
   * @param folder for its lists and for what it says to standard error
   * @throws FaultException if it does not come up
   */
  static ProcessRacer start(String name, List<String> command, Path folder) {
    try {
      Path errors = Files.createTempFile(folder, "racer", ".err");
      Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
      try {
        // No temporary file for the lists: those are for their owner alone.
        return new ProcessRacer(name, process, errors,
            Path.of(errors + ".list"));
      } catch (IOException | RuntimeException e) {
        process.destroyForcibly();
        throw e;
      }
    } catch (IOException e) {
      throw new FaultException(name, "cannot be started (" + FaultException.reason(e) + ")",
          "check that " + command.getFirst() + " is installed", e);
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String greeting() {
    return greeting;
  }

  @Override
  public boolean isWarm() {
    return requests >= WARM_REQUESTS;
  }

  @Override
  public Lap run(ReadList list) {
    try {
      list.write(file);
      say(file.toString());
      expect("loaded");
      long before = Libc.processorNanos(process.pid());
      say("");
      String answer = expect("");
      long spent = Libc.processorNanos(process.pid()) - before;
      String[] words = answer.split(" ");
      if (words.length != 4) {
        throw failed(answer);
      }
      Lap lap = new Lap(Long.parseLong(words[0]), spent, Long.parseLong(words[1]),
          Long.parseLong(words[2]), words[3]);
      requests += lap.requests();
      return lap;
    } catch (IOException e) {
      throw failed(FaultException.reason(e));
    }
  }

  private void say(String line) throws IOException {
    commands.write((line + "\n").getBytes(StandardCharsets.UTF_8));
    commands.flush();
  }

  private String expect(String beginning) throws IOException {
    String line = answers.readLine();
    if (line == null || line.startsWith("error") || !line.startsWith(beginning)) {
      throw failed(line == null ? "it ended" : line);
    }
    return line;
  }

  private FaultException failed(String what) {
    String words = "";
    try {
      words = Files.readString(errors, StandardCharsets.ISO_8859_1).strip().replaceAll("\\s+", " ");
    } catch (IOException e) {
      words = FaultException.reason(e);
    }
    words = words.substring(Math.max(0, words.length() - LAST_WORDS_CHARACTERS));
    return new FaultException(name, what + (words.isEmpty() ? "" : " (" + words + ")"),
        "run its command by hand");
  }

  @Override
  public void close() {
    try {
      commands.close();
      if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (IOException e) {
      process.destroyForcibly();
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      return; // the shutdown has begun and runs it
    }
  }
}
