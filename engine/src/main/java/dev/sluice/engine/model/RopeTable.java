package dev.sluice.engine.model;

import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scaling;

/**
 * Rotary position embedding, rotate-half convention: element j of the first half of the rotated part pairs with element
 * j of the second. Frequencies are scaled once (Llama 3's rule after "llama3" in transformers' modeling_rope_utils);
 * angles are computed in double. Immutable; thread-safe.
 */
final class RopeTable {
  private final double[] frequencies; // radians per position, one for each rotated pair

  RopeTable(Rope rope) {
    int half = rope.rotatedSize() / 2;
    frequencies = new double[half];
    for (int j = 0; j < half; j++) {
      double frequency = Math.pow(rope.theta(), -2.0 * j / rope.rotatedSize());
      frequencies[j] = scaled(frequency, rope.scaling());
    }
  }

  private static double scaled(double frequency, Scaling scaling) {
    return switch (scaling.kind()) {
      case NONE -> frequency;
      case LINEAR -> frequency / scaling.factor();
      case LLAMA3 -> {
        double wavelength = 2 * Math.PI / frequency;
        double longest = scaling.originalContext() / scaling.lowFrequencyFactor();
        double shortest = scaling.originalContext() / scaling.highFrequencyFactor();
        if (wavelength > longest) {
          yield frequency / scaling.factor();
        }
        if (wavelength < shortest) {
          yield frequency;
        }
        double smooth =
            (scaling.originalContext() / wavelength - scaling.lowFrequencyFactor())
                / (scaling.highFrequencyFactor() - scaling.lowFrequencyFactor());
        yield (1 - smooth) * frequency / scaling.factor() + smooth * frequency;
      }
    };
  }

  /** Rotates {@code heads} consecutive heads of {@code headSize} elements for one position, in place. */
  void rotate(float[] x, int offset, int heads, int headSize, int position) {
    int half = frequencies.length;
    for (int j = 0; j < half; j++) {
      double angle = position * frequencies[j];
      float cos = (float) Math.cos(angle);
      float sin = (float) Math.sin(angle);
      for (int head = 0; head < heads; head++) {
        int first = offset + head * headSize + j;
        float a = x[first];
        float b = x[first + half];
        x[first] = a * cos - b * sin;
        x[first + half] = b * cos + a * sin;
      }
    }
  }
}
