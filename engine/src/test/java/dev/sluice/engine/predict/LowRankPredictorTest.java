package dev.sluice.engine.predict;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.predictor.ActivityCuts;
import dev.sluice.storage.predictor.CascadeLayer;
import dev.sluice.storage.predictor.Int8Rows;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.predictor.LowRankLayer.Middle;
import dev.sluice.storage.predictor.PackedRows;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Predictions against the definition in floating point, and against themselves cut otherwise. */
class LowRankPredictorTest {
  private static float[] values(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static LowRankLayer layer(Middle middle, int hidden, int rank, int neurons, int dips,
      Arena arena) {
    Random random = new Random(hidden + rank);
    float[] dipFrom = new float[dips];
    float[] dipTo = new float[dips];
    for (int i = 0; i < dips; i++) {
      dipFrom[i] = -2 - random.nextFloat();
      dipTo[i] = dipFrom[i] + 1;
    }
    return new LowRankLayer(middle, values(random, hidden), values(random, hidden),
        Int8Rows.pack(values(random, rank * hidden), rank, hidden, arena), values(random, rank),
        Int8Rows.pack(values(random, neurons * rank), neurons, rank, arena),
        values(random, neurons),
        List.of(new ActivityCuts(ActiveRule.OUTPUT, 0.1, values(random, neurons), dipFrom, dipTo,
            neurons / 10 + 1)),
        0.99);
  }

  private static LowRankPredictor predictor(LowRankLayer layer, Kernels kernels, Workers workers) {
    return new LowRankPredictor("low-rank-" + layer.rank(), List.of(layer), ActiveRule.OUTPUT, 0.1,
        kernels, workers);
  }

  @ParameterizedTest
  @CsvSource({
    "LINEAR,32,16,64,0", "RELU,40,8,100,0", "LINEAR,33,7,5000,0", "LINEAR,64,12,4100,1",
    "RELU,15,3,17,1"
  })
  void kernelsThreadsAndBlocksGiveTheSameBits(Middle middle, int hidden, int rank, int neurons,
      int dips) {
    int count = 7;
    float[] inputs = values(new Random(8), count * hidden);
    try (Arena arena = Arena.ofShared(); Workers one = new Workers(1);
        Workers three = new Workers(3)) {
      LowRankLayer layer = layer(middle, hidden, rank, neurons, dips * neurons, arena);
      byte[] expected = new byte[count * neurons];
      predictor(layer, Kernels.scalar(), one).predict(0, inputs, 0, count, expected,
          new PredictorScratch());
      int named = 0;
      for (byte each : expected) {
        named += each;
      }
      assertTrue(named > expected.length / 10 && named < expected.length, "named " + named);
      for (Workers workers : List.of(one, three)) {
        LowRankPredictor predictor = predictor(layer, Kernels.best(), workers);
        PredictorScratch scratch = new PredictorScratch();
        byte[] together = new byte[count * neurons];
        predictor.predict(0, inputs, 0, count, together, scratch);
        assertArrayEquals(expected, together);
        byte[] alone = new byte[neurons];
        for (int t = 0; t < count; t++) {
          predictor.predict(0, inputs, t * hidden, 1, alone, scratch);
          for (int i = 0; i < neurons; i++) {
            assertEquals(expected[i * count + t], alone[i], "neuron " + i + ", position " + t);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"LINEAR,48,16,400,0", "RELU,48,16,400,1"})
  void namesWhereTheScoreReachesTheCut(Middle middle, int hidden, int rank, int neurons, int dips) {
    try (Arena arena = Arena.ofShared(); Workers one = new Workers(1)) {
      LowRankLayer layer = layer(middle, hidden, rank, neurons, dips * neurons, arena);
      float[] input = values(new Random(3), hidden);
      byte[] named = new byte[neurons];
      predictor(layer, Kernels.best(), one).predict(0, input, 0, 1, named, new PredictorScratch());
      double[] between = new double[rank];
      double largest = 0;
      double size = 0;
      for (int k = 0; k < rank; k++) {
        double sum = layer.innerOffsets()[k];
        for (int j = 0; j < hidden; j++) {
          sum += layer.inward().value(k, j)
              * ((input[j] - (double) layer.centre()[j]) * layer.sharpness()[j]);
        }
        between[k] = middle == Middle.RELU ? Math.max(0, sum) : sum;
        largest = Math.max(largest, Math.abs(sum));
        size += sum * sum;
      }
      ActivityCuts cuts = layer.cutsAt(ActiveRule.OUTPUT, 0.1);
      int sure = 0;
      for (int i = 0; i < neurons; i++) {
        double score = layer.outerOffsets()[i];
        for (int k = 0; k < rank; k++) {
          score += layer.outward().value(i, k) * between[k];
        }
        // Far enough from every edge for the rounding of inputs and middle to 8 bits not to matter.
        double off = 0.05 * Math.sqrt(size);
        boolean at = cuts.names(i, (float) score);
        boolean clear = true;
        for (int step = -20; step <= 20; step++) {
          clear &= cuts.names(i, (float) (score + off * step / 20)) == at;
        }
        if (clear) {
          assertEquals(at, named[i] == 1, "neuron " + i + " with score " + score);
          sure++;
        }
      }
      assertTrue(sure > neurons / 2, sure + " of " + neurons + " are far from their cuts");
    }
  }

  @ParameterizedTest
  @CsvSource({"40,8,900,1", "64,12,530,2"})
  void topAndCascadeGiveTheSameBitsHoweverTheyAreCut(int hidden, int rank, int neurons, int bits) {
    int count = 5;
    float[] inputs = values(new Random(8), count * hidden);
    try (Arena arena = Arena.ofShared(); Workers one = new Workers(1);
        Workers three = new Workers(3)) {
      LowRankLayer low = layer(Middle.LINEAR, hidden, rank, neurons, 0, arena);
      PackedRows copy = new PackedRows(
          arena.allocate((long) neurons * PackedRows.rowBytes(hidden, bits)), neurons, hidden,
          bits);
      float[] rows = values(new Random(2), neurons * hidden);
      for (int i = 0; i < neurons; i++) {
        copy.pack(i, rows, i * hidden);
      }
      Random random = new Random(5);
      CascadeLayer both = new CascadeLayer(low, copy, values(random, neurons),
          values(random, neurons), List.of(new ActivityCuts(ActiveRule.OUTPUT, 0.1,
              values(random, neurons), new float[0], new float[0], 0)));
      List<Function<Workers, ActivePredictor>> made = List.of(
          workers -> new TopPredictor("top", List.of(low), ActiveRule.OUTPUT, 0.1,
              workers.threads() == 1 ? Kernels.scalar() : Kernels.best(), workers),
          workers -> new CascadePredictor("cascade", List.of(both), ActiveRule.OUTPUT, 0.1,
              workers.threads() == 1 ? Kernels.scalar() : Kernels.best(), workers));
      for (Function<Workers, ActivePredictor> each : made) {
        byte[] expected = new byte[count * neurons];
        byte[] together = new byte[count * neurons];
        byte[] alone = new byte[neurons];
        each.apply(one).predict(0, inputs, 0, count, expected, new PredictorScratch());
        ActivePredictor team = each.apply(three);
        PredictorScratch scratch = new PredictorScratch();
        team.predict(0, inputs, 0, count, together, scratch);
        assertArrayEquals(expected, together, team.name());
        for (int t = 0; t < count; t++) {
          team.predict(0, inputs, t * hidden, 1, alone, scratch);
          for (int i = 0; i < neurons; i++) {
            assertEquals(expected[i * count + t], alone[i], team.name());
          }
        }
      }
    }
  }

  @Test
  void topNamesTheHighestLogitsAndEqualOnesInOrder() {
    int neurons = 40;
    try (Arena arena = Arena.ofShared(); Workers one = new Workers(1)) {
      float[] offsets = new float[neurons];
      for (int i = 0; i < neurons; i++) {
        offsets[i] = i % 10 - 4; // each logit four times
      }
      LowRankLayer layer = new LowRankLayer(Middle.LINEAR, new float[4], new float[4],
          Int8Rows.pack(new float[8], 2, 4, arena), new float[2],
          Int8Rows.pack(new float[2 * neurons], neurons, 2, arena), offsets,
          List.of(new ActivityCuts(ActiveRule.EXACT, 0, new float[neurons], new float[0],
              new float[0], 10)),
          0.99);
      byte[] named = new byte[neurons];
      new TopPredictor("top", List.of(layer), ActiveRule.EXACT, 0, Kernels.best(), one)
          .predict(0, new float[4], 0, 1, named, new PredictorScratch());
      for (int i = 0; i < neurons; i++) {
        boolean expected = i % 10 >= 8 || i == 7 || i == 17;
        assertEquals(expected, named[i] == 1, "neuron " + i);
      }
    }
  }
}
