package dev.sluice.bench.peers;

import java.util.List;

/**
 * llama.cpp's k-quant mixtures, largest first.
 *
 * <p>Code: {@code llama_ftype} in {@code llama.h}. Bits: per weight of an 8B model as its quantize tool's README lists them;
 * good for a guess, since mixtures depend on the model's shape. The file itself tells what it really takes.
 */
enum KQuant {
  Q6_K(18, 6.56), Q5_K_M(17, 5.70), Q5_K_S(16, 5.57), Q4_K_M(15, 4.89), Q4_K_S(14, 4.67), Q3_K_L(13,
      4.30),
  Q3_K_M(12, 4.00), Q3_K_S(11, 3.64), Q2_K(10, 3.16);

  private final int code;
  private final double bitsPerWeight;

  KQuant(int code, double bitsPerWeight) {
    this.code = code;
    this.bitsPerWeight = bitsPerWeight;
  }

  int code() {
    return code;
  }

  /** Expected size of the file. */
  long bytes(long weights) {
    return Math.round(weights * bitsPerWeight / 8);
  }

  /** Those expected to fit in {@code bytes}, largest first. */
  static List<KQuant> fitting(long weights, long bytes) {
    return List.of(values()).stream().filter(quant -> quant.bytes(weights) <= bytes).toList();
  }
}
