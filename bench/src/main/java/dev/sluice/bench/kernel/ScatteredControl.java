package dev.sluice.bench.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/** Rows and columns at scattered places in C; see the source. Thread-safe. */
final class ScatteredControl {
  private static final MemoryLayout AT = ValueLayout.ADDRESS;
  private static final MemoryLayout COUNT = ValueLayout.JAVA_LONG;

  private final MethodHandle rows;
  private final MethodHandle columns;

  private ScatteredControl(MethodHandle rows, MethodHandle columns) {
    this.rows = rows;
    this.columns = columns;
  }

  /** From a compiled library; lives as long as the arena. */
  static ScatteredControl load(Path library, Arena arena) {
    SymbolLookup symbols = SymbolLookup.libraryLookup(library, arena);
    Linker linker = Linker.nativeLinker();
    return new ScatteredControl(
        linker.downcallHandle(
            symbols.findOrThrow("scattered_rows"),
            FunctionDescriptor.ofVoid(AT, AT, COUNT, COUNT, AT, AT, AT, COUNT)),
        linker.downcallHandle(
            symbols.findOrThrow("scattered_columns"),
            FunctionDescriptor.ofVoid(AT, AT, COUNT, AT, COUNT, COUNT, AT, AT, AT, COUNT)));
  }

  void rows(
      MemorySegment memory, MemorySegment bundles, long from, long to, MemorySegment x,
      MemorySegment xScales, MemorySegment out, long n) {
    try {
      rows.invokeExact(memory, bundles, from, to, x, xScales, out, n);
    } catch (Throwable e) {
      throw new AssertionError(e); // it declares none
    }
  }

  void columns(
      MemorySegment memory, MemorySegment bundles, long columnBytes, MemorySegment neurons,
      long from, long to, MemorySegment h, MemorySegment scales, MemorySegment y, long n) {
    try {
      columns.invokeExact(memory, bundles, columnBytes, neurons, from, to, h, scales, y, n);
    } catch (Throwable e) {
      throw new AssertionError(e); // it declares none
    }
  }
}
