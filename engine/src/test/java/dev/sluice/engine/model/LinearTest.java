package dev.sluice.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LinearTest {
  private static final int COLS = 1024;

  private final Random random = new Random(1);

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void severalMatricesAtOnceGiveWhatEachGives(int threads) {
    try (Arena arena = Arena.ofShared(); Workers workers = new Workers(threads)) {
      for (ActivationPrecision precision : ActivationPrecision.values()) {
        check(workers, List.of(matrix(arena, TensorType.Q8_0, 512, 0, precision),
            matrix(arena, TensorType.Q8_0, 3, 3, precision),
            matrix(arena, TensorType.Q8_0, 129, 129, precision)));
        check(workers, List.of(matrix(arena, TensorType.Q8_0, 40, 0, precision),
            matrix(arena, TensorType.BF16, 600, 600, precision),
            matrix(arena, TensorType.Q4_0, 30, 0, precision)));
        check(workers, List.of(matrix(arena, TensorType.Q8_0, 7, 7, precision)));
      }
    }
  }

  private Linear matrix(Arena arena, TensorType type, int rows, int biases,
      ActivationPrecision precision) {
    MemorySegment memory = arena.allocate(type.bytes((long) rows * COLS), 64);
    for (long i = 0; i < memory.byteSize(); i++) {
      memory.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
    }
    for (long block = 0; block < memory.byteSize(); block += type.blockBytes()) {
      // A scale of 1/16, or a number near 1 of 16 bits.
      memory.set(ValueLayout.JAVA_SHORT_UNALIGNED, block,
          (short) (type == TensorType.BF16 ? 0x3f80 + random.nextInt(64) : 0x2c00));
    }
    float[] bias = new float[biases];
    for (int r = 0; r < biases; r++) {
      bias[r] = (float) random.nextGaussian();
    }
    return new Linear(type, memory, 0, rows, COLS, bias, precision);
  }

  private void check(Workers workers, List<Linear> matrices) {
    Kernels kernels = Kernels.best();
    float[] x = new float[COLS + 1];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian();
    }
    List<float[]> expected = new ArrayList<>();
    List<Linear.Product> products = new ArrayList<>();
    for (Linear matrix : matrices) {
      float[] alone = new float[2 + matrix.rows()];
      matrix.applyOne(kernels, workers, x, 1, alone, 2, new Scratch());
      expected.add(alone);
      products.add(new Linear.Product(matrix, new float[2 + matrix.rows()], 2));
    }
    Linear.applyEach(products, kernels, workers, x, 1, new Scratch());
    for (int k = 0; k < products.size(); k++) {
      assertArrayEquals(expected.get(k), products.get(k).y(), matrices.get(k).type() + ", " + k);
    }
  }
}
