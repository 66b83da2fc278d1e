package dev.sluice.storage.predictor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.storage.predictor.LowRankLayer.Middle;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExpertLayerTest {
  private static final int[] EXPERT_OF = {2, 0, 1, 0, 2, 1, 1};

  private static LowRankLayer router(int experts, Arena arena) {
    float[] rows = new float[experts * 4];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = i - 5;
    }
    return new LowRankLayer(Middle.RELU, new float[4], new float[4],
        Int8Rows.pack(rows, experts, 4, arena), new float[experts],
        Int8Rows.pack(new float[experts * experts], experts, experts, arena), new float[experts],
        List.of(new ActivityCuts(ActiveRule.OUTPUT, 0.1, new float[experts], new float[0],
            new float[0], 2)),
        0.97);
  }

  @Test
  void whatIsWrittenIsReadBack() {
    try (Arena arena = Arena.ofConfined()) {
      ExpertLayer written = new ExpertLayer(router(3, arena), EXPERT_OF);
      ExpertLayer read = ExpertLayer.decode(written.encode(), arena);
      assertArrayEquals(EXPERT_OF, read.expertOf());
      assertEquals(3, read.experts());
      assertEquals(7, read.neurons());
      assertEquals(4, read.hidden());
      assertEquals(2, read.router().cutsAt(ActiveRule.OUTPUT, 0.1).most());
      assertEquals(written.router().inward().value(1, 2), read.router().inward().value(1, 2));
      assertEquals(written.router().residentBytes() + 14, read.residentBytes());
    }
  }

  @Test
  void everyShorteningIsRefused() {
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = new ExpertLayer(router(3, arena), EXPERT_OF).encode();
      for (int length = 0; length < bytes.length; length++) {
        byte[] some = Arrays.copyOf(bytes, length);
        assertThrows(IllegalArgumentException.class, () -> ExpertLayer.decode(some, arena));
      }
      byte[] longer = Arrays.copyOf(bytes, bytes.length + 1);
      assertThrows(IllegalArgumentException.class, () -> ExpertLayer.decode(longer, arena));
    }
  }

  /** Magic, version and neurons. */
  @ParameterizedTest
  @ValueSource(ints = {0, 4, 8})
  void liesInTheHeaderAreRefused(int at) {
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = new ExpertLayer(router(3, arena), EXPERT_OF).encode();
      for (int lie : new int[] {-1, 0, 6, 8, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
        byte[] lying = bytes.clone();
        ByteBuffer.wrap(lying).order(ByteOrder.LITTLE_ENDIAN).putInt(at, lie);
        assertThrows(IllegalArgumentException.class, () -> ExpertLayer.decode(lying, arena));
      }
    }
  }

  @Test
  void expertsAreBalancedAndKnown() {
    try (Arena arena = Arena.ofConfined()) {
      LowRankLayer router = router(3, arena);
      assertThrows(IllegalArgumentException.class,
          () -> new ExpertLayer(router, new int[] {0, 0, 0, 1, 1, 2}));
      assertThrows(IllegalArgumentException.class,
          () -> new ExpertLayer(router, new int[] {0, 1, 3}));
      assertThrows(IllegalArgumentException.class,
          () -> new ExpertLayer(router, new int[] {0, 1, -1}));
    }
  }
}
