package dev.sluice.engine.model;

import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scaling;
import java.util.Arrays;

/**
 * Rotary position embedding, rotate-half convention: element j of the first half of the rotated part pairs with element
 * j of the second. Frequencies are scaled once (Llama 3's rule and YaRN after transformers' modeling_rope_utils); angles are
 * computed in double. Cosines and sines are computed once per position, in pages of 64 that are kept: 4 bytes ×
 * rotated size per position. Thread-safe.
 */
final class RopeTable {
  private static final int PAGE_POSITIONS = 64;

  private final double[] frequencies; // radians per position, one for each rotated pair
  private final double amplitude;

  // Position → half cosines, half sines. Pages never change once filled; filling one twice gives the same bits.
  private volatile float[][] pages = {};

  /**
   * @param factors divisors of the frequencies, one for each rotated pair, or empty
   */
  RopeTable(Rope rope, float[] factors) {
    int half = rope.rotatedSize() / 2;
    frequencies = new double[half];
    amplitude = rope.scaling().attentionFactor();
    for (int j = 0; j < half; j++) {
      double frequency = Math.pow(rope.theta(), -2.0 * j / rope.rotatedSize());
      frequencies[j] = scaled(frequency, j, rope);
      if (factors.length > 0) {
        frequencies[j] /= factors[j];
      }
    }
  }

  private static double scaled(double frequency, int pair, Rope rope) {
    Scaling scaling = rope.scaling();
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
      case YARN -> {
        double low = Math.max(0, Math.floor(pairTurning(scaling.highFrequencyFactor(), rope)));
        double high =
            Math.min(rope.rotatedSize() - 1,
                Math.ceil(pairTurning(scaling.lowFrequencyFactor(), rope)));
        double ramp = (pair - low) / (high == low ? 1e-3 : high - low);
        double stretched = Math.clamp(ramp, 0, 1);
        yield stretched * frequency / scaling.factor() + (1 - stretched) * frequency;
      }
    };
  }

  /** The pair, as a fraction, that turns {@code turns} times within the original context. */
  private static double pairTurning(double turns, Rope rope) {
    double context = rope.scaling().originalContext();
    return rope.rotatedSize() * Math.log(context / (turns * 2 * Math.PI))
        / (2 * Math.log(rope.theta()));
  }

  /** Rotates {@code heads} consecutive heads of {@code headSize} elements for one position, in place. */
  void rotate(float[] x, int offset, int heads, int headSize, int position) {
    int half = frequencies.length;
    if (half == 0) {
      return;
    }
    float[] page = page(position / PAGE_POSITIONS);
    int cosines = position % PAGE_POSITIONS * 2 * half;
    for (int head = 0; head < heads; head++) {
      rotate(x, offset + head * headSize, page, cosines, half);
    }
  }

  private static void rotate(float[] x, int offset, float[] page, int cosines, int half) {
    for (int j = 0; j < half; j++) {
      float cos = page[cosines + j];
      float sin = page[cosines + half + j];
      float a = x[offset + j];
      float b = x[offset + half + j];
      x[offset + j] = a * cos - b * sin;
      x[offset + half + j] = b * cos + a * sin;
    }
  }

  private float[] page(int index) {
    float[][] current = pages;
    if (index < current.length && current[index] != null) {
      return current[index];
    }
    return fill(index);
  }

  private synchronized float[] fill(int index) {
    if (index >= pages.length || pages[index] == null) {
      float[][] more = Arrays.copyOf(pages, Math.max(pages.length, index + 1));
      more[index] = computed(index);
      pages = more;
    }
    return pages[index];
  }

  private float[] computed(int index) {
    int half = frequencies.length;
    float[] page = new float[PAGE_POSITIONS * 2 * half];
    for (int p = 0; p < PAGE_POSITIONS; p++) {
      long position = (long) index * PAGE_POSITIONS + p;
      for (int j = 0; j < half; j++) {
        double angle = position * frequencies[j];
        page[p * 2 * half + j] = (float) (amplitude * Math.cos(angle));
        page[p * 2 * half + half + j] = (float) (amplitude * Math.sin(angle));
      }
    }
    return page;
  }
}
