package dev.sluice.storage.predictor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.predictor.LowRankLayer.Middle;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class LowRankLayerTest {
  private static final int HIDDEN = 12;
  private static final int RANK = 5;
  private static final int NEURONS = 21;

  private static float[] values(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static ActivityCuts cuts(Random random, double cett, int dips) {
    return new ActivityCuts(ActiveRule.OUTPUT, cett, values(random, NEURONS),
        values(random, dips), values(random, dips), 3);
  }

  private static LowRankLayer layer(Middle middle, Arena arena, int dips) {
    Random random = new Random(4);
    return new LowRankLayer(middle, values(random, HIDDEN), values(random, HIDDEN),
        Int8Rows.pack(values(random, RANK * HIDDEN), RANK, HIDDEN, arena), values(random, RANK),
        Int8Rows.pack(values(random, NEURONS * RANK), NEURONS, RANK, arena),
        values(random, NEURONS), List.of(cuts(random, 0.1, dips), cuts(random, 0.2, dips)), 0.99);
  }

  @ParameterizedTest
  @EnumSource(Middle.class)
  void whatIsWrittenIsReadBack(Middle middle) {
    for (int dips : new int[] {0, NEURONS}) {
      try (Arena arena = Arena.ofConfined()) {
        LowRankLayer written = layer(middle, arena, dips);
        LowRankLayer read = LowRankLayer.decode(written.encode(), arena);
        assertEquals(middle, read.middle());
        assertArrayEquals(written.centre(), read.centre());
        assertArrayEquals(written.sharpness(), read.sharpness());
        assertArrayEquals(written.innerOffsets(), read.innerOffsets());
        assertArrayEquals(written.outerOffsets(), read.outerOffsets());
        assertEquals(0.99, read.recallTarget());
        for (int k = 0; k < RANK; k++) {
          for (int j = 0; j < HIDDEN; j++) {
            assertEquals(written.inward().value(k, j), read.inward().value(k, j));
          }
          for (int i = 0; i < NEURONS; i++) {
            assertEquals(written.outward().value(i, k), read.outward().value(i, k));
          }
        }
        assertEquals(2, read.cuts().size());
        for (int c = 0; c < 2; c++) {
          assertArrayEquals(written.cuts().get(c).from(), read.cuts().get(c).from());
          assertArrayEquals(written.cuts().get(c).dipFrom(), read.cuts().get(c).dipFrom());
          assertArrayEquals(written.cuts().get(c).dipTo(), read.cuts().get(c).dipTo());
          assertEquals(3, read.cuts().get(c).most());
        }
        assertEquals(written.residentBytes(), read.residentBytes());
      }
    }
  }

  @Test
  void everyShorteningIsRefused() {
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = layer(Middle.LINEAR, arena, NEURONS).encode();
      for (int length = 0; length < bytes.length; length++) {
        byte[] some = Arrays.copyOf(bytes, length);
        assertThrows(IllegalArgumentException.class, () -> LowRankLayer.decode(some, arena));
      }
      byte[] longer = Arrays.copyOf(bytes, bytes.length + 1);
      assertThrows(IllegalArgumentException.class, () -> LowRankLayer.decode(longer, arena));
    }
  }

  /** Magic, version, middle, hidden, rank, neurons, number of cuts. */
  @ParameterizedTest
  @ValueSource(ints = {0, 4, 8, 12, 16, 20, 24})
  void liesInTheHeaderAreRefusedBeforeAnythingIsAllocated(int at) {
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = layer(Middle.RELU, arena, 0).encode();
      for (int lie : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 1 << 23}) {
        byte[] lying = bytes.clone();
        ByteBuffer.wrap(lying).order(ByteOrder.LITTLE_ENDIAN).putInt(at, lie);
        assertThrows(IllegalArgumentException.class, () -> LowRankLayer.decode(lying, arena));
      }
    }
  }

  @Test
  void numbersThatAreNoneAreRefused() {
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = layer(Middle.LINEAR, arena, 0).encode();
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(36, Float.NaN);
      assertThrows(IllegalArgumentException.class, () -> LowRankLayer.decode(bytes, arena));
    }
  }

  @Test
  void cutsBetweenTargetsLieBetweenTheirs() {
    try (Arena arena = Arena.ofConfined()) {
      LowRankLayer layer = layer(Middle.LINEAR, arena, 0);
      ActivityCuts low = layer.cutsAt(ActiveRule.OUTPUT, 0.1);
      ActivityCuts high = layer.cutsAt(ActiveRule.OUTPUT, 0.2);
      ActivityCuts quarter = layer.cutsAt(ActiveRule.OUTPUT, 0.125);
      for (int i = 0; i < NEURONS; i++) {
        assertEquals(0.75f * low.from()[i] + 0.25f * high.from()[i], quarter.from()[i], 1e-5f);
      }
      assertArrayEquals(low.from(), layer.cutsAt(ActiveRule.OUTPUT, 0.01).from());
      assertArrayEquals(high.from(), layer.cutsAt(ActiveRule.OUTPUT, 0.5).from());
      assertThrows(IllegalArgumentException.class, () -> layer.cutsAt(ActiveRule.GATE, 0.1));
    }
  }

  @Test
  void aDipIsNamedBesideTheCut() {
    ActivityCuts cuts = new ActivityCuts(ActiveRule.GATE, 0.1, new float[] {2},
        new float[] {-1.5f}, new float[] {-1}, 0);
    assertTrue(cuts.names(0, 2));
    assertTrue(cuts.names(0, -1.2f));
    assertFalse(cuts.names(0, 0));
    assertFalse(cuts.names(0, -1.6f));
  }
}
