package dev.sluice.storage.predictor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.predictor.QuantisedCopy.Margin;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class QuantisedCopyTest {
  private static final int COLS = 64;
  private static final int LAYERS = 2;

  private static QuantisedCopy copy(Arena arena, Activation activation, int planes, int bits) {
    List<List<PackedRows>> matrices = new ArrayList<>();
    for (int plane = 0; plane < planes; plane++) {
      List<PackedRows> layers = new ArrayList<>();
      for (int layer = 0; layer < LAYERS; layer++) {
        float[] rows = PackedRowsTest.rows(new Random(plane * 10L + layer), COLS);
        layers.add(PackedRowsTest.packed(arena, rows, COLS, bits));
      }
      matrices.add(layers);
    }
    List<Margin> margins =
        List.of(
            new Margin(ActiveRule.EXACT, 0, List.of(2f, 3f)),
            new Margin(ActiveRule.OUTPUT, 0.05, List.of(1f, 4f)),
            new Margin(ActiveRule.OUTPUT, 0.1, List.of(1.5f, 2f)));
    return new QuantisedCopy(activation, matrices, margins, 0.997);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 8})
  void whatIsDecodedIsWhatWasEncoded(int bits) {
    for (int planes = 1; planes <= 2; planes++) {
      try (Arena arena = Arena.ofConfined()) {
        QuantisedCopy copy = copy(arena, Activation.SILU, planes, bits);
        byte[] bytes = copy.encode();
        QuantisedCopy back = QuantisedCopy.decode(bytes, Activation.SILU, arena);
        assertEquals(bits, back.bits());
        assertEquals(LAYERS, back.layers());
        assertEquals(copy.margins(), back.margins());
        assertEquals(0.997, back.recallTarget());
        assertEquals(planes, back.planesFor(ActiveRule.OUTPUT));
        assertEquals(1, back.planesFor(ActiveRule.GATE));
        assertEquals(copy.residentBytes(ActiveRule.GATE),
            back.residentBytes(ActiveRule.OUTPUT) / planes);
        assertArrayEquals(bytes, back.encode());
        float[] want = new float[COLS];
        float[] got = new float[COLS];
        copy.up(1).unpack(5, want, 0);
        back.up(1).unpack(5, got, 0);
        assertArrayEquals(want, got);
      }
    }
  }

  @Test
  void marginsBetweenCalibratedTargetsAreTheLargerOfTheTwo() {
    try (Arena arena = Arena.ofConfined()) {
      QuantisedCopy copy = copy(arena, Activation.RELU2, 1, 4);
      assertArrayEquals(new float[] {2, 3}, copy.kappas(ActiveRule.EXACT, 0));
      assertArrayEquals(new float[] {1, 4}, copy.kappas(ActiveRule.OUTPUT, 0.05));
      assertArrayEquals(new float[] {1.5f, 4}, copy.kappas(ActiveRule.OUTPUT, 0.07));
      assertArrayEquals(new float[] {1.5f, 2}, copy.kappas(ActiveRule.OUTPUT, 0.3));
      assertArrayEquals(new float[] {1, 4}, copy.kappas(ActiveRule.OUTPUT, 0.01));
      assertThrows(IllegalArgumentException.class, () -> copy.kappas(ActiveRule.GATE, 0.05));
    }
  }

  /** A neuron that is active in truth is named whatever the copy's error, as long as the error is within its bound. */
  @ParameterizedTest
  @EnumSource(Activation.class)
  void neverMissesWhenErrorsAreWithinTheirBounds(Activation activation) {
    Random random = new Random(31);
    try (Arena arena = Arena.ofConfined()) {
      for (int planes = 1; planes <= 2; planes++) {
        QuantisedCopy copy = copy(arena, activation, planes, 4);
        int active = 0;
        int named = 0;
        for (int trial = 0; trial < 20_000; trial++) {
          float inner = (float) random.nextGaussian() * 2;
          float up = (float) random.nextGaussian();
          float norm = random.nextFloat() + 0.1f;
          float innerError = random.nextFloat();
          float upError = random.nextFloat();
          float threshold = random.nextFloat();
          float seenInner = inner + innerError * 0.999f * (2 * random.nextFloat() - 1);
          float seenUp = up + upError * 0.999f * (2 * random.nextFloat() - 1);
          double act = MagnitudeBoundTest.activate(activation, inner);
          double h = planes == 2 ? act * up : act;
          for (ActiveRule rule : ActiveRule.values()) {
            float needed = rule == ActiveRule.EXACT ? 0 : threshold;
            double magnitude = rule == ActiveRule.GATE ? Math.abs(act) : Math.abs(h) * norm;
            boolean may =
                copy.mayBeActive(rule, seenInner, innerError, seenUp, upError, norm, needed);
            if (h != 0 && magnitude >= needed * (1 + 1e-5)) {
              active++;
              assertTrue(
                  may, rule + ": missed z " + inner + " up " + up + " magnitude " + magnitude);
            }
            named += may ? 1 : 0;
          }
        }
        assertTrue(active > 1000 && named < 60_000, "a trial that could not fail: " + active);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void damagedBytesAreRefusedOrDecodedButNothingElse(int planes) {
    Random random = new Random(77);
    byte[] good;
    try (Arena arena = Arena.ofConfined()) {
      good = copy(arena, Activation.SILU, planes, 2).encode();
    }
    int refused = 0;
    for (int trial = 0; trial < 4000; trial++) {
      byte[] bytes = good.clone();
      int flips = 1 + random.nextInt(3);
      for (int k = 0; k < flips; k++) {
        // Half of the damage hits the header and the margins, which decide how the rest is read.
        int at = random.nextInt(random.nextBoolean() ? 96 : bytes.length);
        bytes[at] = (byte) random.nextInt(256);
      }
      int cut = random.nextInt(4);
      if (cut == 0) {
        bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
      } else if (cut == 1) {
        bytes = Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(100));
      }
      try (Arena arena = Arena.ofConfined()) {
        QuantisedCopy.decode(bytes, Activation.SILU, arena);
      } catch (IllegalArgumentException e) {
        refused++;
      }
    }
    assertTrue(refused > 2000, "every cut or lengthened one, and most damaged headers: " + refused);
  }
}
