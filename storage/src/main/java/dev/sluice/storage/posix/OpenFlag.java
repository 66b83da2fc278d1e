package dev.sluice.storage.posix;

/**
 * Flags of {@code open(2)}. Source: {@code include/uapi/asm-generic/fcntl.h}, and for {@code
 * O_DIRECT} on aarch64 {@code arch/arm64/include/uapi/asm/fcntl.h}, which swaps it with {@code
 * O_DIRECTORY}.
 */
public final class OpenFlag {
  public static final int O_RDONLY = 0;
  public static final int O_CLOEXEC = 02000000;
  public static final int O_DIRECT =
      System.getProperty("os.arch").equals("aarch64") ? 0200000 : 040000;

  private OpenFlag() {}
}
