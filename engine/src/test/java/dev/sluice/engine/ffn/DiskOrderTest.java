package dev.sluice.engine.ffn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Marking eight neurons at a time against marking them one by one. */
final class DiskOrderTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 9, 63, 64, 65, 1000})
  void marksEachNamedNeuronAtItsPlace(int neurons) {
    var random = new SplittableRandom(neurons);
    for (int round = 0; round < 50; round++) {
      double share = random.nextDouble();
      byte[] named = new byte[neurons];
      int[] positions = new int[neurons];
      for (int i = 0; i < neurons; i++) {
        named[i] = (byte) (random.nextDouble() < share ? 1 : 0);
        int other = random.nextInt(i + 1);
        positions[i] = positions[other];
        positions[other] = i;
      }
      long[] expected = new long[(neurons + 63) / 64];
      int count = 0;
      for (int i = 0; i < neurons; i++) {
        if (named[i] != 0) {
          DiskOrder.set(expected, positions[i]);
          count++;
        }
      }
      long[] bitmap = new long[expected.length];
      Arrays.fill(bitmap, -1);
      assertEquals(count, DiskOrder.mark(named, positions, bitmap));
      assertArrayEquals(expected, bitmap);
    }
  }
}
