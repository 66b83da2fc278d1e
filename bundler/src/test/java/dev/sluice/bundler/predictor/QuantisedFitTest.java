package dev.sluice.bundler.predictor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.predictor.QuantisedCopy;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.NormKind;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.tensor.TensorType;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Calibrated margins against a count of what they name on the inputs that they were calibrated on. */
class QuantisedFitTest {
  private static final int HIDDEN = 32;
  private static final int NEURONS = 60;
  private static final int SAMPLES = 80;
  private static final float STEP = 0.125f;

  private static ModelSpec spec(FfnForm form, Activation activation) {
    return new ModelSpec(
        "tiny", 2, HIDDEN, NEURONS, 1, 1, HIDDEN, 10, 64, NormKind.RMS, 1e-5f, activation, form,
        new Rope(10_000, HIDDEN, Scaling.NONE), HeadKind.TIED, BundleFormat.of(TensorType.F32),
        List.of());
  }

  private static float[] values(Random random, int count, double scale) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextGaussian() * scale);
    }
    return values;
  }

  @ParameterizedTest
  @CsvSource({
    "UNGATED,RELU2,1,0.9", "UNGATED,RELU,2,0.99", "GATED,SILU,4,0.99", "GATED,RELU,2,0.95",
    "GATED,GELU_TANH,1,0.9"
  })
  void marginsAreTheSmallestThatKeepTheShareOfMagnitude(
      FfnForm form, Activation activation, int bits, double recall) {
    ModelSpec spec = spec(form, activation);
    Random random = new Random(bits);
    List<QuantisedFit.LayerData> layers = new ArrayList<>();
    boolean gated = form == FfnForm.GATED;
    for (int layer = 0; layer < spec.layers(); layer++) {
      layers.add(
          new QuantisedFit.LayerData(
              values(random, NEURONS * HIDDEN, 0.3),
              gated ? values(random, NEURONS * HIDDEN, 0.3) : new float[0],
              values(random, NEURONS, 0.2),
              gated ? values(random, NEURONS, 0.2) : new float[0],
              columnNorms(random),
              values(random, SAMPLES * HIDDEN, 1), new float[0], new float[0]));
    }
    List<QuantisedFit.Target> targets = new ArrayList<>();
    targets.add(new QuantisedFit.Target(ActiveRule.OUTPUT, 0.1, new float[] {1, 1.5f}));
    targets.add(new QuantisedFit.Target(ActiveRule.OUTPUT, 0.2, new float[] {2, 2.5f}));
    targets.add(new QuantisedFit.Target(ActiveRule.EXACT, 0, new float[2]));
    if (gated) {
      targets.add(new QuantisedFit.Target(ActiveRule.GATE, 0.1, new float[] {0.3f, 0.5f}));
    }
    try (Arena arena = Arena.ofShared()) {
      QuantisedFit fit = new QuantisedFit(spec, bits, recall, targets, 0, arena);
      layers.forEach(fit::addLayer);
      QuantisedCopy copy = fit.result();
      assertEquals(bits, copy.bits());
      assertEquals(gated ? 2 : 1, copy.planesFor(ActiveRule.OUTPUT));
      for (QuantisedFit.Target target : targets) {
        float[] kappas = copy.kappas(target.rule(), target.cett());
        for (int layer = 0; layer < layers.size(); layer++) {
          String where = target.rule() + " at " + target.cett() + ", layer " + layer;
          double kept = kept(copy, layers.get(layer), layer, target, kappas[layer], activation);
          assertTrue(kept >= recall - 1e-3, where + ": keeps " + kept);
          if (kappas[layer] > 0) {
            double less =
                kept(copy, layers.get(layer), layer, target, kappas[layer] - STEP, activation);
            assertTrue(less < recall + 1e-3, where + ": a smaller margin keeps " + less);
          }
        }
      }
    }
  }

  private static float[] columnNorms(Random random) {
    float[] norms = new float[NEURONS];
    for (int i = 0; i < NEURONS; i++) {
      norms[i] = 0.5f + random.nextFloat();
    }
    return norms;
  }

  /** Share of active magnitude that the copy names with margin {@code kappa}. */
  private static double kept(
      QuantisedCopy copy, QuantisedFit.LayerData data, int layer, QuantisedFit.Target target,
      float kappa, Activation activation) {
    boolean gated = data.up().length > 0;
    float threshold = target.thresholds()[layer];
    float[] row = new float[HIDDEN];
    double all = 0;
    double named = 0;
    for (int s = 0; s < SAMPLES; s++) {
      double inputNorm = 0;
      for (int j = 0; j < HIDDEN; j++) {
        inputNorm += Math.pow(data.inputs()[s * HIDDEN + j], 2) / HIDDEN;
      }
      float sigma = kappa * (float) Math.sqrt(inputNorm);
      for (int i = 0; i < NEURONS; i++) {
        double act = activate(activation, dot(data.inner(), i, data, s) + data.innerBias()[i]);
        double h = gated ? act * (dot(data.up(), i, data, s) + data.upBias()[i]) : act;
        double magnitude = Math.abs(h) * data.columnNorms()[i];
        double compared = target.rule() == ActiveRule.GATE ? Math.abs(act) : magnitude;
        if (h != 0 && compared >= threshold) {
          all += magnitude;
          copy.inner(layer).unpack(i, row, 0);
          float inner = (float) dot(row, 0, data, s) + data.innerBias()[i];
          float up = 0;
          if (gated) {
            copy.up(layer).unpack(i, row, 0);
            up = (float) dot(row, 0, data, s) + data.upBias()[i];
          }
          boolean may =
              copy.mayBeActive(
                  target.rule(),
                  inner,
                  sigma * copy.inner(layer).errorNorm(i),
                  up,
                  sigma * copy.up(layer).errorNorm(i),
                  data.columnNorms()[i],
                  threshold);
          named += may ? magnitude : 0;
        }
      }
    }
    assertTrue(all > 0);
    return named / all;
  }

  private static double dot(float[] rows, int row, QuantisedFit.LayerData data, int sample) {
    double sum = 0;
    for (int j = 0; j < HIDDEN; j++) {
      sum += rows[row * HIDDEN + j] * (double) data.inputs()[sample * HIDDEN + j];
    }
    return sum;
  }

  private static double activate(Activation activation, double z) {
    return switch (activation) {
      case RELU -> Math.max(0, z);
      case RELU2 -> Math.pow(Math.max(0, z), 2);
      case SILU -> z / (1 + Math.exp(-z));
      case GELU_TANH ->
          0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z)));
    };
  }
}
