package dev.sluice.storage.store;

/** How a neuron's rows and column lie on disk. Codes are part of the format. */
public enum Arrangement {
  /** [gate|]up|down of a neuron side by side: one read fetches a whole neuron. */
  BUNDLED(1),
  /** Gate rows, up rows and transposed down columns each in a region of their own: two or three reads a neuron. */
  SPLIT(2);

  private final int code;

  Arrangement(int code) {
    this.code = code;
  }

  /** The number that stands for this arrangement on disk. */
  public int code() {
    return code;
  }

  /**
   * The arrangement with this on-disk code.
   *
   * @throws IllegalArgumentException if none has it
   */
  public static Arrangement ofCode(int code) {
    return switch (code) {
      case 1 -> BUNDLED;
      case 2 -> SPLIT;
      default -> throw new IllegalArgumentException("unknown arrangement code " + code);
    };
  }
}
