package dev.sluice.storage.store;

/** What kind of file holds the bundles. Both are read by offset, the same way. Codes are part of the format. */
public enum Container {
  /** {@code ffn.bin}: the layers one after another. */
  FILE(1),
  /** {@code ffn.mdb}: an LMDB environment with one value per layer. */
  LMDB(2);

  private final int code;

  Container(int code) {
    this.code = code;
  }

  /** The number that stands for this container on disk. */
  public int code() {
    return code;
  }

  /**
   * The container with this on-disk code.
   *
   * @throws IllegalArgumentException if none has it
   */
  public static Container ofCode(int code) {
    return switch (code) {
      case 1 -> FILE;
      case 2 -> LMDB;
      default -> throw new IllegalArgumentException("unknown container code " + code);
    };
  }
}
