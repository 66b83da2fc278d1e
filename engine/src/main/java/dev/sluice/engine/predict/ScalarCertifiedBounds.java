package dev.sluice.engine.predict;

import dev.sluice.storage.predictor.CertifiedLayer;
import dev.sluice.storage.predictor.CertifiedLayer.Bound;
import java.lang.foreign.ValueLayout;

/** Plain Java. */
final class ScalarCertifiedBounds implements CertifiedBounds {
  private static final int QUARTER = CertifiedLayer.BLOCK / 4;

  @Override
  public void bounds(CertifiedLayer layer, Bound bound, int fromGroup, int toGroup,
      CertifiedInput input, float[] bias, float[] out) {
    for (int row = fromGroup * CertifiedLayer.LANES; row < toGroup * CertifiedLayer.LANES; row++) {
      out[row] = bound(layer, bound, row, input, bias[row]);
    }
  }

  private static float bound(CertifiedLayer layer, Bound bound, int row, CertifiedInput input,
      float bias) {
    float total = 0;
    float spread = input.spreadFloor;
    for (int block = 0; block < layer.blocks(); block++) {
      float scale = (float) layer.scale(row, block);
      float sum = products(layer, row, block, input.x);
      sum = Math.fma((float) layer.offset(row, block), input.sums[block], sum)
          - input.dithered[block];
      total = Math.fma(scale, sum, total);
      float weight = switch (bound) {
        case NORM -> scale * norm(layer, row, block);
        case DITHER -> scale * scale;
      };
      spread = Math.fma(weight, input.spreads[block], spread);
    }
    float along = 0;
    for (int k = 0; k < layer.directionCount(); k++) {
      along = Math.fma(layer.projection(row, k), input.along[k], along);
    }
    float margin = switch (bound) {
      case NORM -> spread;
      case DITHER -> (float) Math.sqrt(spread * input.spreadFactor);
    };
    float step = layer.steps()[row];
    float estimate = Math.fma(step, along, total);
    margin = Math.fma(step, input.stepSlack, margin);
    margin = Math.fma(layer.magnitudes()[row], input.magnitudeSlack, margin);
    float sizes = Math.abs(estimate) + margin + Math.abs(bias);
    return Math.fma(LAST_ROUNDINGS, sizes, estimate + margin + bias);
  }

  private static float products(CertifiedLayer layer, int row, int block, float[] x) {
    float[] sums = new float[4];
    int from = block * CertifiedLayer.BLOCK;
    for (int k = 0; k < CertifiedLayer.BLOCK; k++) {
      sums[k / QUARTER] =
          Math.fma(layer.code(row, from + k), x[from + k], sums[k / QUARTER]);
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

  private static int norm(CertifiedLayer layer, int row, int block) {
    long at = ((long) (row / CertifiedLayer.LANES) * layer.blocks() + block) * CertifiedLayer.LANES
        + row % CertifiedLayer.LANES;
    return layer.norms().get(ValueLayout.JAVA_BYTE, at) & 255;
  }
}
