package dev.sluice.bundler.checkpoint.gguf;

/** One value of a file's metadata. Immutable. */
public sealed interface GgufValue {
  /** The kind it has in the file. */
  GgufKind kind();

  /**
   * A whole number.
   *
   * @param value of UINT64 above 2^63 − 1 it is negative
   */
  record Whole(GgufKind kind, long value) implements GgufValue {}

  /** A floating-point number; float32 values are widened. */
  record Real(GgufKind kind, double value) implements GgufValue {}

  /** True or false. */
  record Flag(boolean value) implements GgufValue {
    @Override
    public GgufKind kind() {
      return GgufKind.BOOL;
    }
  }

  /** A string; what is not UTF-8 in it became U+FFFD. */
  record Text(String value) implements GgufValue {
    @Override
    public GgufKind kind() {
      return GgufKind.STRING;
    }
  }

  /**
   * An array, which stays in the file: checked to lie in it, not read.
   *
   * @param elements what it holds; arrays may nest
   * @param offsetBytes where its first element begins in the file
   * @param bytes of all elements
   */
  record Sequence(GgufKind elements, long count, long offsetBytes, long bytes)
      implements GgufValue {
    @Override
    public GgufKind kind() {
      return GgufKind.ARRAY;
    }
  }
}
