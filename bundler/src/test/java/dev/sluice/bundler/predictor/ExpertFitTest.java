package dev.sluice.bundler.predictor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.predictor.ExpertLayer;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.NormKind;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.tensor.TensorType;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExpertFitTest {
  private static final int HIDDEN = 16;
  private static final int NEURONS = 64;
  private static final int GROUPS = 16;
  private static final int SAMPLES = 800;

  @Test
  void theClosestPairGoesFirstAndFullClustersTakeNoMore() {
    // Points by rows, clusters by columns. Taken: (1,0) .9, (0,0) .8; 2 wants 0 at .7, which is full; (3,1) .6; then 2 gets .1.
    float[] closeness = {.8f, .2f, .9f, .5f, .7f, .1f, .3f, .6f};
    assertArrayEquals(new int[] {0, 0, 1, 1}, BalancedClusters.shareOut(closeness, 4, 2));
    // Of five, one cluster holds three: the first to want them.
    float[] odd = {.9f, 0, .8f, 0, .7f, 0, .6f, .1f, .5f, .2f};
    assertArrayEquals(new int[] {0, 0, 0, 1, 1}, BalancedClusters.shareOut(odd, 5, 2));
  }

  @ParameterizedTest
  @CsvSource({"60,10", "61,10", "7,7", "9,1", "100,33"})
  void clustersAreOfOneSizeAndOfThoseThatPointTheSameWay(int count, int clusters) {
    Random random = new Random(count);
    float[] points = new float[count * 8];
    for (int i = 0; i < points.length; i++) {
      points[i] = (float) random.nextGaussian();
    }
    int[] clusterOf = BalancedClusters.of(points.clone(), count, 8, clusters, 3);
    int[] sizes = new int[clusters];
    Arrays.stream(clusterOf).forEach(c -> sizes[c]++);
    int largest = Arrays.stream(sizes).max().orElseThrow();
    assertEquals(Math.ceilDiv(count, clusters), largest);
    assertTrue(Arrays.stream(sizes).min().orElseThrow() >= count / clusters);
    assertArrayEquals(clusterOf, BalancedClusters.of(points, count, 8, clusters, 3));
  }

  @Test
  void theNumberOfExpertsIsTheFirstThatKeepsTheShare() {
    // Two positions, three experts; ranked: 10, 0, 2 and 3, 3, 0, that is 13, 3 and 2 of 18.
    float[] byExpert = {3, 1, 2, 5, 1, 2}; // position 0: 3, 2, 1; position 1: 1, 5, 2
    float[] magnitudes = {10, 0, 2, 0, 3, 3};
    assertEquals(1, ExpertFit.most(byExpert, magnitudes, 2, 3, 13 / 18.0));
    assertEquals(2, ExpertFit.most(byExpert, magnitudes, 2, 3, 14 / 18.0));
    assertEquals(3, ExpertFit.most(byExpert, magnitudes, 2, 3, 17 / 18.0));
  }

  @Test
  void narrowLayersHaveSmallExperts() {
    assertEquals(128, ExpertFit.experts(1024));
    assertEquals(576, ExpertFit.experts(18_432));
    assertEquals(50, ExpertFit.experts(200));
    assertEquals(1, ExpertFit.experts(3));
  }

  /** Neurons whose rows come in groups of four that fire together, scattered over the layer. */
  private static QuantisedFit.LayerData data(long seed) {
    Random random = new Random(seed);
    float[] rows = new float[NEURONS * HIDDEN];
    float[] shared = new float[GROUPS * HIDDEN];
    for (int i = 0; i < shared.length; i++) {
      shared[i] = (float) random.nextGaussian();
    }
    for (int i = 0; i < NEURONS; i++) {
      for (int j = 0; j < HIDDEN; j++) {
        rows[i * HIDDEN + j] =
            shared[i % GROUPS * HIDDEN + j] + 0.05f * (float) random.nextGaussian();
      }
    }
    float[] inputs = new float[SAMPLES * HIDDEN];
    for (int i = 0; i < inputs.length; i++) {
      inputs[i] = (float) random.nextGaussian();
    }
    float[] biases = new float[NEURONS];
    Arrays.fill(biases, -5);
    float[] norms = new float[NEURONS];
    Arrays.fill(norms, 1);
    return new QuantisedFit.LayerData(rows, new float[0], biases, new float[0], norms, inputs,
        new float[0], new float[0]);
  }

  @Test
  void whatFiresTogetherIsOneExpertAndFewAreChosen() {
    ModelSpec spec = new ModelSpec(
        "tiny", 1, HIDDEN, NEURONS, 1, 1, HIDDEN, 10, 64, NormKind.RMS, 1e-5f, Activation.RELU,
        FfnForm.UNGATED, new Rope(10_000, HIDDEN, Scaling.NONE), HeadKind.TIED,
        BundleFormat.of(TensorType.F32), List.of());
    List<QuantisedFit.Target> targets = List.of(
        new QuantisedFit.Target(ActiveRule.EXACT, 0, new float[1]),
        new QuantisedFit.Target(ActiveRule.OUTPUT, 0.1, new float[] {0.5f}));
    try (Arena arena = Arena.ofConfined()) {
      PredictorFit fit =
          PredictorRecipe.parse("moefication").start(spec, 0.95, targets, 0, 7, arena);
      fit.addLayer(data(1));
      byte[] bytes = fit.blobs().get(StoreKeys.predictorLayer("moefication", 0));
      ExpertLayer layer = ExpertLayer.decode(bytes, arena);
      assertEquals(GROUPS, layer.experts());
      long whole = IntStream.range(0, GROUPS).filter(group -> IntStream.range(0, NEURONS)
          .filter(i -> i % GROUPS == group).map(i -> layer.expertOf()[i]).distinct().count() == 1)
          .count();
      assertTrue(whole >= GROUPS - 4, whole + " groups are one expert");
      int most = layer.router().cutsAt(ActiveRule.EXACT, 0).most();
      assertTrue(most < GROUPS / 2, most + " experts for a tenth of the neurons");
      assertEquals((float) most / GROUPS, fit.namedShares()[0]);
      PredictorFit again =
          PredictorRecipe.parse("moefication").start(spec, 0.95, targets, 0, 7, arena);
      again.addLayer(data(1));
      assertArrayEquals(bytes, again.blobs().get(StoreKeys.predictorLayer("moefication", 0)));
    }
  }
}
