package dev.sluice.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Puts the real standard error back. The JVM announces incubator modules on stderr before any of our code runs, with no
 * switch to stop it; so {@code ./sluice} starts it with a filter as descriptor 2 and the real stderr kept as another
 * descriptor, whose number it hands over in {@value #KEPT_DESCRIPTOR}. Messages of a JVM that does not get as far as
 * {@link Main} still reach the user through the filter.
 */
final class Stderr {
  private static final String KEPT_DESCRIPTOR = "sluice.stderr.descriptor";
  private static final int STDERR = 2;

  private Stderr() {}

  /** Does nothing when Sluice was not started by its launcher. Called once, before anything prints. */
  static void restore() {
    Integer kept = Integer.getInteger(KEPT_DESCRIPTOR);
    if (kept == null) {
      return;
    }
    Linker linker = Linker.nativeLinker();
    try {
      MethodHandle dup2 = linker.downcallHandle(
          linker.defaultLookup().findOrThrow("dup2"),
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
      MethodHandle close = linker.downcallHandle(
          linker.defaultLookup().findOrThrow("close"),
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
      if ((int) dup2.invokeExact((int) kept, STDERR) == STDERR) {
        int ignored = (int) close.invokeExact((int) kept);
      }
    } catch (Throwable e) {
      throw new IllegalStateException("stderr cannot be restored", e);
    }
  }
}
