package dev.sluice.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How wide bundles lie on disk, and what reading a single one takes. */
class LayerGeometryTest {
  private static final BundleFormat PAGE_WIDE =
      new BundleFormat(TensorType.Q8_0, TensorType.Q8_0, TensorType.I4, 32);

  private static ModelSpec spec(int hidden, BundleFormat format) {
    ModelSpec tiny = StoreFixtures.spec(FfnForm.UNGATED, TensorType.F16);
    return new ModelSpec(
        tiny.architecture(), tiny.layers(), hidden, 100, tiny.heads(), tiny.kvHeads(),
        tiny.headSize(), tiny.vocabulary(), tiny.contextLength(), tiny.norm(), tiny.normEpsilon(),
        tiny.activation(), tiny.form(), tiny.rope(), tiny.head(), format, tiny.endOfTextIds());
  }

  @ParameterizedTest
  @CsvSource({
    // 2,720 bytes of up and 1,280 of down: 96 short of a page
    "2560,BUNDLED,0,4096",
    "2560,BUNDLED,1,4000",
    "2560,BUNDLED,5000,5000",
    // 5,200 and 2,600 are far from whole pages
    "3328,BUNDLED,0,5200",
    "1664,BUNDLED,0,2600",
    // 8,000 and 16,000: as near to two and to four
    "5120,BUNDLED,0,8192",
    "10240,BUNDLED,0,16384",
  })
  void bundlesJustBelowWholePagesFillThem(int hidden, Arrangement arrangement, int wished,
      int stride) {
    LayerGeometry geometry = LayerGeometry.of(spec(hidden, PAGE_WIDE), arrangement, wished);
    assertEquals(stride, geometry.parts().getFirst().strideBytes());
  }

  @Test
  void partsOfSplitLayersAreNotPadded() {
    LayerGeometry geometry = LayerGeometry.of(spec(2560, PAGE_WIDE), Arrangement.SPLIT, 0);
    assertEquals(2720, geometry.parts().getFirst().strideBytes());
    assertEquals(1280, geometry.parts().getLast().strideBytes());
  }

  @Test
  void aPageWideBundleIsReadAsOnePage() {
    FfnLayout.Part part =
        LayerGeometry.of(spec(2560, PAGE_WIDE), Arrangement.BUNDLED, 0).at(3 * 4096).getFirst();
    try (Arena arena = Arena.ofConfined()) {
      ReadBatch batch = new ReadBatch(arena.allocate(1 << 16, 4096));
      ReadPlanner planner = new ReadPlanner(new ReadPlanner.Limits(4096, 0, 1 << 16));
      for (int position : new int[] {0, 7, 99}) {
        planner.clear();
        planner.want(part.offsetBytes(position), part.strideBytes());
        batch.clear();
        planner.fill(batch);
        assertEquals(1, batch.size());
        assertEquals(4096, batch.lengthBytes(0));
        assertEquals((3 + position) * 4096L, batch.fileOffsetBytes(0));
      }
    }
  }
}
