package dev.sluice.engine.predict;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.storage.predictor.ActivityCuts;
import dev.sluice.storage.predictor.ExpertLayer;
import dev.sluice.storage.predictor.Int8Rows;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.predictor.LowRankLayer.Middle;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExpertPredictorTest {
  private static final int[] EXPERT_OF = {2, 0, 1, 0, 2, 1};

  private static ExpertLayer layer(Arena arena, int most) {
    // Middle: max(0, x0 − x1), max(0, x1), max(0, x0 + x1); scores: m0 + m2, 2 m1 − m0, m2 + 1.
    return new ExpertLayer(new LowRankLayer(Middle.RELU, new float[2], new float[] {1, 1},
        Int8Rows.pack(new float[] {1, -1, 0, 1, 1, 1}, 3, 2, arena), new float[3],
        Int8Rows.pack(new float[] {1, 0, 1, -1, 2, 0, 0, 0, 1}, 3, 3, arena),
        new float[] {0, 0, 1},
        List.of(new ActivityCuts(ActiveRule.OUTPUT, 0.1, new float[3], new float[0], new float[0],
            most)),
        0.97), EXPERT_OF);
  }

  /**
   * By hand: x = (3, 1) gives the middle (2, 1, 4) and the scores 6, 0, 5; x = (−2, 4) gives (0, 4, 2) and 2, 8, 3.
   */
  @ParameterizedTest
  @CsvSource({"1,010100,001001", "2,110110,101011", "3,111111,111111"})
  void namesTheNeuronsOfTheExpertsThatScoreHighest(int most, String first, String second) {
    try (Arena arena = Arena.ofShared()) {
      ExpertPredictor predictor = ExpertPredictor.calibrated("moefication",
          List.of(layer(arena, most)), ActiveRule.OUTPUT, 0.1, Kernels.best());
      assertEquals(most, predictor.chosen(0));
      float[] inputs = {3, 1, -2, 4};
      byte[] together = new byte[12];
      byte[] alone = new byte[6];
      predictor.predict(0, inputs, 0, 2, together, new PredictorScratch());
      for (int t = 0; t < 2; t++) {
        predictor.predict(0, inputs, 2 * t, 1, alone, new PredictorScratch());
        for (int i = 0; i < 6; i++) {
          assertEquals((t == 0 ? first : second).charAt(i) - '0', alone[i], t + ", " + i);
          assertEquals(alone[i], together[2 * i + t]);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1", "33,1", "50,2", "67,2", "100,3"})
  void aShareIsOfExperts(int percent, int chosen) {
    try (Arena arena = Arena.ofShared()) {
      assertEquals(chosen, ExpertPredictor
          .share("moefication-" + percent, List.of(layer(arena, 1)), percent, Kernels.best())
          .chosen(0));
    }
  }

  @Test
  void kernelsGiveTheSameBits() {
    Random random = new Random(4);
    int experts = 21;
    int hidden = 33;
    int neurons = 100;
    try (Arena arena = Arena.ofShared()) {
      int[] expertOf = new int[neurons];
      for (int i = 0; i < neurons; i++) {
        expertOf[i] = i * 8 % experts;
      }
      LowRankLayer router = new LowRankLayer(Middle.RELU, values(random, hidden),
          values(random, hidden),
          Int8Rows.pack(values(random, experts * hidden), experts, hidden, arena),
          values(random, experts),
          Int8Rows.pack(values(random, experts * experts), experts, experts, arena),
          values(random, experts), List.of(), 0.97);
      List<ExpertLayer> layers = List.of(new ExpertLayer(router, expertOf));
      float[] inputs = values(random, 5 * hidden);
      byte[] scalar = new byte[5 * neurons];
      byte[] vector = new byte[5 * neurons];
      ExpertPredictor.share("s", layers, 30, Kernels.scalar()).predict(0, inputs, 0, 5, scalar,
          new PredictorScratch());
      ExpertPredictor.share("v", layers, 30, Kernels.best()).predict(0, inputs, 0, 5, vector,
          new PredictorScratch());
      assertArrayEquals(scalar, vector);
    }
  }

  private static float[] values(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
