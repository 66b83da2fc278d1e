package dev.sluice.engine.kernel;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Binary16 numbers as floats, exactly, by shifts: Java's vectors have no such conversion. Exponent and fraction come to where a
 * float has them, which makes normal numbers 2^112 times too small, and subnormal ones subnormal floats. A product makes up for both, but
 * some processors (Intel's) leave their pipeline for each subnormal operand, and of weights of 0.02 one in four hundred is one: rows of
 * F16 went at a third of the speed. There rows are converted by C2's own loops ({@link VectorF16Rows}), and in the loop over columns
 * (others have few such numbers) the bias is added to the exponents as an int, so that a subnormal number of fraction m stands as
 * 2^-15 (1 + m/1024), and twice that less 2^-14 is what it is; for a normal one that is no smaller than itself, hence the lesser of
 * both. It is written out in that loop: C2 does not inline a method whose own code has become large, and then boxes the vectors.
 */
final class VectorHalves {
  /** Whether subnormal operands are dear, as this processor says. */
  static final boolean SUBNORMALS_ARE_DEAR = areSubnormalsDear();

  static final int MAGNITUDE = 0x0fffe000;
  static final int SIGN = 0x80000000;
  static final int BIAS = 112 << 23;

  private VectorHalves() {}

  /** Of numbers in the lower halves, by a product. */
  static FloatVector lower(IntVector pairs) {
    return upper(pairs.lanewise(LSHL, 16));
  }

  /** Of numbers in the upper halves, by a product. */
  static FloatVector upper(IntVector pairs) {
    return smallUpper(pairs).mul(0x1p112f);
  }

  /** 2^-112 times the numbers in the lower halves, which subnormal floats may be. */
  static FloatVector smallLower(IntVector pairs) {
    return smallUpper(pairs.lanewise(LSHL, 16));
  }

  static FloatVector smallUpper(IntVector pairs) {
    return pairs.lanewise(ASHR, 3).and(VectorQuants.HALF).reinterpretAsFloats();
  }

  /** Multiplies some, in turns with others. A wrong answer costs time, no bits. */
  private static boolean areSubnormalsDear() {
    long usual = Long.MAX_VALUE;
    long subnormal = Long.MAX_VALUE;
    for (int round = 0; round < 8; round++) {
      usual = Math.min(usual, nanosOfProducts(0x1p-100f));
      subnormal = Math.min(subnormal, nanosOfProducts(0x1p-130f));
    }
    return subnormal > 2 * usual;
  }

  private static long nanosOfProducts(float factor) {
    float sum = 0;
    long start = System.nanoTime();
    for (int i = 0; i < 500; i++) {
      sum += (0x1p60f + i) * factor;
    }
    long nanos = System.nanoTime() - start;
    return sum > 0 ? nanos : Long.MAX_VALUE; // always; so the loop counts
  }
}
