package dev.sluice.bench.peers;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** llama.cpp's own quantiser, {@code llama_model_quantize} in its shared library. */
final class Quantiser {
  // struct llama_model_quantize_params: nthread, ftype, two tensor types, then flags. It is returned through memory; the
  // library writes as much as it has, and this has room for what later versions add.
  private static final long THREADS_AT = 0;
  private static final long FTYPE_AT = 4;
  private static final long ALLOW_REQUANTIZE_AT = 16;
  private static final long QUANTIZE_OUTPUT_AT = 17;
  private static final int ROOM_BYTES = 512;
  private static final int LARGEST_FTYPE = 64;

  private final Path library;

  Quantiser(Path library) {
    this.library = library;
  }

  /**
   * Writes {@code source} as {@code target} in the given mixture; whole or not at all.
   *
   * @throws FaultException if the library is not of the kind known here, or it fails
   */
  void quantise(Path source, Path target, KQuant mixture, int threads) {
    Path partial = target.resolveSibling(target.getFileName() + ".partial");
    try {
      Files.createDirectories(target.toAbsolutePath().getParent());
      int result = call(source, partial, mixture, threads);
      if (result != 0) {
        throw new FaultException(source, "llama.cpp cannot quantise it to " + mixture + " (code "
            + result + ")", "try its llama-quantize to see why");
      }
      Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new FaultException(target, "cannot be written (" + FaultException.reason(e) + ")",
          "check its folder and free space", e);
    } finally {
      partial.toFile().delete();
    }
  }

  private int call(Path source, Path target, KQuant mixture, int threads) {
    Linker linker = Linker.nativeLinker();
    // Global: threads of the library's own may outlive the call.
    SymbolLookup symbols = SymbolLookup.libraryLookup(library, Arena.global());
    try (Arena arena = Arena.ofConfined()) {
      MethodHandle silent = MethodHandles.empty(
          MethodType.methodType(void.class, int.class, MemorySegment.class, MemorySegment.class));
      MethodHandle log = linker.downcallHandle(symbols.findOrThrow("llama_log_set"),
          FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
      log.invokeExact(
          linker.upcallStub(silent, FunctionDescriptor.ofVoid(JAVA_INT, ADDRESS, ADDRESS),
              Arena.global()),
          MemorySegment.NULL);
      linker.downcallHandle(symbols.findOrThrow("llama_backend_init"), FunctionDescriptor.ofVoid())
          .invokeExact();
      MethodHandle defaults = linker.downcallHandle(
          symbols.findOrThrow("llama_model_quantize_default_params"),
          FunctionDescriptor.of(
              MemoryLayout.structLayout(MemoryLayout.sequenceLayout(ROOM_BYTES / 4, JAVA_INT))));
      MemorySegment settings =
          (MemorySegment) defaults.invokeExact((java.lang.foreign.SegmentAllocator) arena);
      check(settings);
      settings.set(JAVA_INT, THREADS_AT, threads);
      settings.set(JAVA_INT, FTYPE_AT, mixture.code());
      settings.set(JAVA_BOOLEAN, ALLOW_REQUANTIZE_AT, true);
      MethodHandle quantise = linker.downcallHandle(symbols.findOrThrow("llama_model_quantize"),
          FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
      return (int) quantise.invokeExact(
          arena.allocateFrom(source.toAbsolutePath().toString()),
          arena.allocateFrom(target.toAbsolutePath().toString()), settings);
    } catch (FaultException e) {
      throw e;
    } catch (Throwable e) {
      throw new FaultException(library, "its quantiser cannot be called (" + e + ")",
          "install the version that is known here", e);
    }
  }

  /** The places above are right if they hold this structure's known defaults. */
  private void check(MemorySegment settings) {
    int ftype = settings.get(JAVA_INT, FTYPE_AT);
    boolean known = settings.get(JAVA_INT, THREADS_AT) == 0 && ftype > 0 && ftype < LARGEST_FTYPE
        && settings.get(java.lang.foreign.ValueLayout.JAVA_BYTE, ALLOW_REQUANTIZE_AT) == 0
        && settings.get(java.lang.foreign.ValueLayout.JAVA_BYTE, QUANTIZE_OUTPUT_AT) == 1;
    if (!known) {
      throw new FaultException(library, "its quantiser takes settings of another form",
          "install the version that is known here");
    }
  }
}
