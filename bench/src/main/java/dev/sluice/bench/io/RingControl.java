package dev.sluice.bench.io;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The C loop that the reader races with, compiled on the spot for this machine. */
final class RingControl {
  private static final String SOURCE = "ring.c";
  private static final int COMPILE_SECONDS = 60;

  private RingControl() {}

  /**
   * Compiles the source that this class brings along.
   *
   * @param folder where the program goes
   * @return the program
   * @throws BadInputException if there is no gcc
   * @throws FaultException if gcc refuses
   */
  static Path compile(Path folder) {
    Path source = folder.resolve(SOURCE);
    Path program = folder.resolve("ring");
    Path log = folder.resolve("gcc.log");
    try (InputStream in = RingControl.class.getResourceAsStream(SOURCE)) {
      Files.copy(in, source);
      Process gcc;
      try {
        gcc = new ProcessBuilder(
            List.of("gcc", "-O2", "-o", program.toString(), source.toString()))
            .redirectErrorStream(true).redirectOutput(log.toFile()).start();
      } catch (IOException e) {
        throw new BadInputException("--against-c", "there is no gcc to compile the control",
            "install gcc and Linux's headers", e);
      }
      if (!gcc.waitFor(COMPILE_SECONDS, TimeUnit.SECONDS) || gcc.exitValue() != 0) {
        gcc.destroy();
        throw new FaultException("gcc",
            "it did not compile the control ("
                + Files.readString(log).lines().findFirst().orElse("it took too long") + ")",
            "install Linux's headers of 5.10 or newer");
      }
      return program;
    } catch (IOException e) {
      throw new FaultException(folder.toString(), FaultException.reason(e), "free space there", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new FaultException("gcc", "was interrupted", "run again", e);
    }
  }
}
