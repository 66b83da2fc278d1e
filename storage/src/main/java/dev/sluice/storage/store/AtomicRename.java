package dev.sluice.storage.store;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.Optional;

/** Linux's renameat2(2), which Java lacks: rename without replacing, and exchange of two names. Thread-safe. */
final class AtomicRename {
  /** What became of a request. */
  enum Outcome {
    DONE,
    TARGET_EXISTS,
    TARGET_MISSING,
    /** No such call, or this file system cannot do it. Nothing has changed. */
    UNSUPPORTED
  }

  /** Flags of renameat2, from linux/fs.h. */
  enum Mode {
    NO_REPLACE(1),
    EXCHANGE(2);

    private final int flag;

    Mode(int flag) {
      this.flag = flag;
    }
  }

  /** AT_FDCWD: relative names are relative to the working directory. */
  private static final int WORKING_DIRECTORY = -100;

  private static final int ENOENT = 2;
  private static final int EEXIST = 17;
  private static final int EINVAL = 22;
  private static final int ENOSYS = 38;
  private static final int EOPNOTSUPP = 95;

  private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      CALL_STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final Optional<MethodHandle> RENAMEAT2 =
      Linker.nativeLinker()
          .defaultLookup()
          .find("renameat2")
          .map(
              symbol -> Linker.nativeLinker()
                  .downcallHandle(
                      symbol,
                      FunctionDescriptor.of(
                          JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT),
                      Linker.Option.captureCallState("errno")));

  private AtomicRename() {}

  /**
   * Renames {@code from} to {@code to} in one step.
   *
   * @throws IOException for any failure that is no {@link Outcome}
   */
  static Outcome rename(Path from, Path to, Mode mode) throws IOException {
    if (RENAMEAT2.isEmpty()) {
      return Outcome.UNSUPPORTED;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(CALL_STATE);
      int result =
          call(state, arena.allocateFrom(from.toString()), arena.allocateFrom(to.toString()), mode);
      if (result == 0) {
        return Outcome.DONE;
      }
      int errno = (int) ERRNO.get(state, 0L);
      return switch (errno) {
        case EEXIST -> Outcome.TARGET_EXISTS;
        case ENOENT -> Outcome.TARGET_MISSING;
        case EINVAL, ENOSYS, EOPNOTSUPP -> Outcome.UNSUPPORTED;
        default ->
            throw new FileSystemException(
                from.toString(), to.toString(), "renameat2 failed with errno " + errno);
      };
    }
  }

  private static int call(MemorySegment state, MemorySegment from, MemorySegment to, Mode mode) {
    try {
      return (int) RENAMEAT2
          .orElseThrow()
          .invokeExact(state, WORKING_DIRECTORY, from, WORKING_DIRECTORY, to, mode.flag);
    } catch (Throwable e) {
      throw new IllegalStateException("renameat2 cannot be called", e);
    }
  }
}
