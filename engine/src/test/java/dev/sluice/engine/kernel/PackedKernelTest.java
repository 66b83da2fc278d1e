package dev.sluice.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.sluice.storage.predictor.PackedRows;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Unpacking in vectors, in plain Java and by the format's own definition gives the same bits. */
final class PackedKernelTest {
  private static final int ROWS = 5;

  @ParameterizedTest
  @CsvSource({"1,64", "2,64", "3,64", "3,256", "3,96", "4,64", "8,64", "1,256", "2,256", "4,256",
    "8,256", "4,2560", "4,96",
    "2,72", "8,8"})
  void everyWayGivesTheSameBits(int bits, int cols) {
    SplittableRandom random = new SplittableRandom(31L * bits + cols);
    try (Arena arena = Arena.ofConfined()) {
      PackedRows rows =
          new PackedRows(arena.allocate((long) ROWS * PackedRows.rowBytes(cols, bits), 64), ROWS,
              cols, bits);
      float[] values = new float[cols];
      for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < cols; i++) {
          values[i] = (float) (random.nextDouble() - 0.5) * (1 << row);
        }
        rows.pack(row, values, 0);
      }
      for (int row = 0; row < ROWS; row++) {
        float[] natural = new float[cols];
        rows.unpack(row, natural, 0);
        float[] expected = new float[cols + 3];
        for (int from = 0; from + 16 <= cols; from += 16) {
          BlockLayout.arrange(TensorType.F16, natural, from, expected, 3 + from, 16);
        }
        for (int i = cols / 16 * 16; i < cols; i++) {
          expected[3 + i] = natural[i];
        }
        for (Kernels kernels : new Kernels[] {Kernels.best(), Kernels.scalar()}) {
          float[] actual = new float[cols + 3];
          kernels.unpack(rows, row, actual, 3);
          assertArrayEquals(expected, actual, 0, kernels.name());
        }
      }
    }
  }
}
