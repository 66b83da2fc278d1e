package dev.sluice.bundler.pack;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.bundler.pack.StridePlan.Choice;
import dev.sluice.bundler.pack.StridePlan.Layer;
import dev.sluice.storage.plan.DeviceModel;
import java.util.List;
import org.junit.jupiter.api.Test;

class StridePlanTest {
  private static final int[] IDENTITY = {0, 1, 2, 3, 4, 5, 6, 7};

  /** Neuron 1 at the first token, 1 and 6 at the second. */
  private static final Layer MISSES =
      new Layer(Activity.of(2, 8, new long[] {0b10, 0b1000010}), IDENTITY);

  @Test
  void countsWhatEachWidthReads() {
    // One request a microsecond and a byte a microsecond: no gap is worth reading.
    StridePlan plan = StridePlan.of(3900, List.of(MISSES), new DeviceModel(1, 1e6));
    assertArrayEquals(new int[] {3900, 4096},
        plan.choices().stream().mapToInt(Choice::strideBytes).toArray());
    // At 3,900 apart neuron 1 lies in pages 0 and 1, neuron 6 (23,400 to 27,300) in pages 5 and 6.
    assertEquals(new Choice(3900, 1.5, 1.5 * 8192, 1.5 * 8193 / 1e3), plan.choices().getFirst());
    assertEquals(new Choice(4096, 1.5, 1.5 * 4096, 1.5 * 4097 / 1e3), plan.choices().getLast());
    assertEquals(4096, plan.best().strideBytes());
  }

  @Test
  void doesNotPadWhereRequestsAreAllThatCosts() {
    assertEquals(3900,
        StridePlan.of(3900, List.of(MISSES), new DeviceModel(1e3, 1e12)).best().strideBytes());
  }

  @Test
  void doesNotPadByMoreThanSlotsAreGiven() {
    assertArrayEquals(new int[] {5440},
        StridePlan.of(5440, List.of(MISSES), new DeviceModel(1, 1e6)).choices().stream()
            .mapToInt(Choice::strideBytes).filter(stride -> stride != 5632).toArray());
  }

  @Test
  void seesBundlesInTheirOrder() {
    int[] neighbours = {0, 2, 3, 4, 5, 7, 1, 6};
    Layer layer = new Layer(MISSES.misses(), neighbours);
    // Positions 6 and 7: one request of both at the second token.
    assertEquals(1, StridePlan.of(4096, List.of(layer), new DeviceModel(1, 1e6)).choices()
        .getFirst().requests());
  }

  @Test
  void smallBundlesMayFillAPartOfAPage() {
    assertArrayEquals(new int[] {1000, 1024},
        StridePlan.of(1000, List.of(MISSES), new DeviceModel(1, 1e6)).choices().stream()
            .mapToInt(Choice::strideBytes).toArray());
  }

  @Test
  void leavesOutWhatIsResident() {
    // Neuron 1 fires most: an eighth of the layer.
    Layer layer = Layer.of(MISSES.misses(), IDENTITY, 0.125);
    assertEquals(0.5,
        StridePlan.of(4096, List.of(layer), new DeviceModel(1, 1e6)).choices().getFirst()
            .requests());
  }
}
