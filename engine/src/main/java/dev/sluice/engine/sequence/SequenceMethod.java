package dev.sluice.engine.sequence;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * How a prompt's neurons are scored, and which scores a neuron must have to be kept.
 *
 * <p>{@link Tda}: "First Activations Matter" (Ma et al., 2024, arXiv 2408.11393) keeps neurons by a threshold over the sequence
 * seen so far. What is at hand of it gives no formula; ours stands in docs/papers.md. {@link Griffin}: Dong et al., 2024, arXiv
 * 2404.01365, section 4.
 */
public sealed interface SequenceMethod {
  /** Name as on the command line. */
  String key();

  /**
   * What one token adds to a neuron's score.
   *
   * @param magnitude the rule's, not negative
   * @param h the neuron's output before its column
   * @param outputNorm ‖h‖ over the layer's neurons at that token
   */
  double term(float magnitude, float h, double outputNorm);

  /** Two terms, or sums of them, together. */
  default double together(double a, double b) {
    return a + b;
  }

  /**
   * Which neurons of a layer are kept.
   *
   * @param sums of terms over the prompt, by neuron
   * @param tokens of the prompt
   * @param threshold ε of the layer
   * @return 1 or 0 for each neuron
   */
  byte[] keep(double[] sums, int tokens, float threshold);

  /** Threshold-based dynamic activation: a neuron whose magnitude over the prompt reaches ε, by one of three means. */
  enum Tda implements SequenceMethod {
    /** Root of the mean square of its magnitude. */
    ROOT_MEAN_SQUARE("tda") {
      @Override
      public double term(float magnitude, float h, double outputNorm) {
        return (double) magnitude * magnitude;
      }

      @Override
      double score(double sum, int tokens) {
        return Math.sqrt(sum / tokens);
      }
    },
    /** Its magnitude at any token. */
    UNION("tda-union") {
      @Override
      public double term(float magnitude, float h, double outputNorm) {
        return magnitude;
      }

      @Override
      public double together(double a, double b) {
        return Math.max(a, b);
      }

      @Override
      double score(double sum, int tokens) {
        return sum;
      }
    },
    /** The mean of its magnitude. */
    MEAN("tda-mean") {
      @Override
      public double term(float magnitude, float h, double outputNorm) {
        return magnitude;
      }

      @Override
      double score(double sum, int tokens) {
        return sum / tokens;
      }
    };

    private final String word;

    Tda(String word) {
      this.word = word;
    }

    abstract double score(double sum, int tokens);

    @Override
    public String key() {
      return word;
    }

    @Override
    public byte[] keep(double[] sums, int tokens, float threshold) {
      byte[] kept = new byte[sums.length];
      for (int i = 0; i < sums.length; i++) {
        kept[i] = (byte) (sums[i] > 0 && score(sums[i], tokens) >= threshold ? 1 : 0);
      }
      return kept;
    }
  }

  /**
   * The share of a layer's neurons with the largest ‖Z̄[:,j]‖, where Z̄ are the prompt's outputs h, each token's scaled to length
   * 1.
   *
   * @param percent of the neurons, 1 to 100
   */
  record Griffin(int percent) implements SequenceMethod {
    public Griffin {
      if (percent < 1 || percent > 100) {
        throw new IllegalArgumentException(percent + " per cent of the neurons");
      }
    }

    @Override
    public String key() {
      return "griffin-" + percent;
    }

    @Override
    public double term(float magnitude, float h, double outputNorm) {
      double scaled = outputNorm > 0 ? h / outputNorm : 0;
      return scaled * scaled;
    }

    @Override
    public byte[] keep(double[] sums, int tokens, float threshold) {
      byte[] kept = new byte[sums.length];
      IntStream.range(0, sums.length).boxed()
          .sorted((a, b) -> sums[a] == sums[b] ? Integer.compare(a, b)
              : Double.compare(sums[b], sums[a]))
          .limit(Math.round(percent / 100.0 * sums.length)).forEach(i -> kept[i] = 1);
      return kept;
    }
  }

  /** Neurons kept of a layer. */
  static int count(byte[] kept) {
    return IntStream.range(0, kept.length).map(i -> kept[i]).sum();
  }

  /** Every neuron. */
  static byte[] all(int neurons) {
    byte[] kept = new byte[neurons];
    Arrays.fill(kept, (byte) 1);
    return kept;
  }
}
