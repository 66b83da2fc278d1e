package dev.sluice.bundler.quant;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Rows as ggml's blocks of 32: Q8_0, Q4_0 and Q4_1, layouts as in ggml-common.h. Mutable; one thread. */
final class RowEncoder {
  private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int HALF_BLOCK = 16;

  private final TensorType type;
  private final BlockFit fit;

  RowEncoder(TensorType type) {
    this.type = type;
    this.fit = new BlockFit(BlockFit.Levels.of(type), type.blockElements());
  }

  /** Writes {@code n} elements, whole blocks, to {@code target}; returns the sum of squared errors. */
  double encode(float[] row, int at, int n, MemorySegment target, long offsetBytes) {
    double error = 0;
    long to = offsetBytes;
    for (int begin = 0; begin < n; begin += type.blockElements(), to += type.blockBytes()) {
      System.arraycopy(row, at + begin, fit.weights(), 0, type.blockElements());
      error += fit.fit(type.blockElements());
      target.set(SHORT, to, Float.floatToFloat16(fit.scale()));
      switch (type) {
        case Q8_0 -> MemorySegment.copy(fit.quants(), 0, target, BYTE, to + 2, fit.quants().length);
        case Q4_0 -> nibbles(target, to + 2, 8);
        case Q4_1 -> {
          target.set(SHORT, to + 2, Float.floatToFloat16(fit.min()));
          nibbles(target, to + 4, 0);
        }
        default -> throw new IllegalStateException();
      }
    }
    return error;
  }

  /** The first half of the block goes into low halves, the second into high ones. */
  private void nibbles(MemorySegment target, long to, int offset) {
    byte[] quants = fit.quants();
    for (int l = 0; l < HALF_BLOCK; l++) {
      int packed = quants[l] + offset | (quants[HALF_BLOCK + l] + offset) << 4;
      target.set(BYTE, to + l, (byte) packed);
    }
  }
}
