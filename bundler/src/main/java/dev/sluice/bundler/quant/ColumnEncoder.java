package dev.sluice.bundler.quant;

import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Columns of a block of neurons as integers with a scale (and a minimum) for each output, see {@link BundleFormat}.
 * Mutable; one thread, but several encoders may write to different blocks of the same scales.
 */
final class ColumnEncoder {
  private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final TensorType stored;
  private final int hidden;
  private final BlockFit fit;
  private final byte[] quants; // neuron of the block · hidden + output

  ColumnEncoder(Requantisation.Columns columns, int hidden) {
    this.stored = columns.stored();
    this.hidden = hidden;
    this.fit = new BlockFit(BlockFit.Levels.of(columns.levels()), columns.blockNeurons());
    this.quants = new byte[columns.blockNeurons() * hidden];
  }

  /**
   * Encodes one block.
   *
   * @param weights neurons × hidden
   * @param neurons how many the block has; fewer at the end of a layer
   * @param scales gets {@code hidden} float16 from {@code scalesAt} on
   * @param mins likewise; untouched without minimums
   * @return the sum of squared errors
   */
  double encode(float[] weights, int neurons, MemorySegment scales, MemorySegment mins,
      long scalesAt) {
    double error = 0;
    for (int j = 0; j < hidden; j++) {
      for (int i = 0; i < neurons; i++) {
        fit.weights()[i] = weights[i * hidden + j];
      }
      error += fit.fit(neurons);
      scales.set(SHORT, scalesAt + 2L * j, Float.floatToFloat16(fit.scale()));
      if (stored == TensorType.U4) {
        mins.set(SHORT, scalesAt + 2L * j, Float.floatToFloat16(fit.min()));
      }
      for (int i = 0; i < neurons; i++) {
        quants[i * hidden + j] = fit.quants()[i];
      }
    }
    return error;
  }

  /** Writes the column of the i-th neuron of the block that was encoded last. */
  void column(int i, MemorySegment target, long offsetBytes) {
    int from = i * hidden;
    if (stored == TensorType.I8) {
      MemorySegment.copy(quants, from, target, BYTE, offsetBytes, hidden);
      return;
    }
    int zero = stored == TensorType.I4 ? 8 : 0;
    for (int b = 0; b < hidden / 2; b++) {
      int packed = quants[from + 2 * b] + zero | (quants[from + 2 * b + 1] + zero) << 4;
      target.set(BYTE, offsetBytes + b, (byte) packed);
    }
  }
}
