package dev.sluice.bench.kernel;

import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The same product in C, compiled on the spot for this machine. Thread-safe. */
final class Control {
  private static final String SOURCE = "control.c";
  private static final int COMPILE_SECONDS = 60;

  private final MethodHandle function;

  private Control(MethodHandle function) {
    this.function = function;
  }

  /**
   * Compiles the source that this class brings along into a library in {@code folder}; empty where there is no gcc.
   *
   * @throws FaultException if gcc refuses
   */
  static Optional<Path> compile(Path folder, ControlWay way) {
    Path source = folder.resolve(SOURCE);
    Path library = folder.resolve("control.so");
    Path log = folder.resolve("gcc.log");
    try (InputStream in = Control.class.getResourceAsStream(SOURCE)) {
      Files.copy(in, source);
      Process gcc;
      try {
        List<String> command =
            new ArrayList<>(List.of("gcc", "-O3", "-march=native", "-ffast-math", "-shared",
                "-fPIC", "-o", library.toString(), source.toString()));
        command.addAll(way.flags());
        gcc = new ProcessBuilder(command)
            .redirectErrorStream(true).redirectOutput(log.toFile()).start();
      } catch (IOException e) { // not installed
        return Optional.empty();
      }
      if (!gcc.waitFor(COMPILE_SECONDS, TimeUnit.SECONDS) || gcc.exitValue() != 0) {
        gcc.destroy();
        throw new FaultException("gcc", "it did not compile the control (" + firstLine(log) + ")",
            "run the benchmark without gcc on the path");
      }
      return Optional.of(library);
    } catch (IOException e) {
      throw new FaultException(folder.toString(), e.toString(), "free space there", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new FaultException("gcc", "was interrupted", "run again", e);
    }
  }

  private static String firstLine(Path log) throws IOException {
    return Files.readString(log).lines().findFirst().orElse("it took too long");
  }

  /** The function of a compiled library that does what {@code product} does; lives as long as the arena. */
  static Control load(Path library, Product product, Arena arena) {
    Linker linker = Linker.nativeLinker();
    FunctionDescriptor signature =
        FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG,
            ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.ADDRESS,
            ValueLayout.ADDRESS, ValueLayout.JAVA_LONG);
    MemorySegment address =
        SymbolLookup.libraryLookup(library, arena).findOrThrow(product.function());
    return new Control(linker.downcallHandle(address, signature));
  }

  /** See the source. */
  void run(
      MemorySegment weights, long strideBytes, long count, MemorySegment x, MemorySegment bytes,
      MemorySegment scales, MemorySegment sums, MemorySegment out, long n) {
    try {
      function.invokeExact(weights, strideBytes, count, x, bytes, scales, sums, out, n);
    } catch (Throwable e) {
      throw new AssertionError(e); // it declares none
    }
  }
}
