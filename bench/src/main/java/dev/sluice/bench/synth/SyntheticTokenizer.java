package dev.sluice.bench.synth;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A byte-level BPE tokenizer of any size, so that programs which want one can load the file: the 256 bytes, all pairs of
 * small letters, as many pairs of those as the vocabulary has room for, and a token that ends a text. Every token can be
 * reached by merges.
 */
record SyntheticTokenizer(int vocabulary) {
  private static final int BYTES = 256;
  private static final int LETTERS = 26;
  private static final int PAIRS = LETTERS * LETTERS;

  /** The bytes, the pairs, enough for every topic, and the end. */
  static final int LEAST_TOKENS = 1024;

  /** The bytes, the pairs, all pairs of pairs, and the end. */
  static final int MOST_TOKENS = BYTES + PAIRS + PAIRS * PAIRS + 1;

  static final String END = "<|end|>";

  /** GGUF's token types. */
  static final int NORMAL = 1;

  static final int CONTROL = 3;

  int endToken() {
    return vocabulary - 1;
  }

  List<String> tokens() {
    List<String> tokens = new ArrayList<>(vocabulary);
    int beyond = 0;
    for (int b = 0; b < BYTES; b++) {
      // As in GPT-2: printable bytes are their own character, the others are numbered on from U+0100.
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      tokens.add(Character.toString(printable ? b : 0x100 + beyond++));
    }
    for (int p = 0; p < PAIRS; p++) {
      tokens.add(pair(p));
    }
    for (int w = 0; tokens.size() < vocabulary - 1; w++) {
      tokens.add(pair(w / PAIRS) + pair(w % PAIRS));
    }
    tokens.add(END);
    return tokens;
  }

  List<String> merges() {
    List<String> merges = new ArrayList<>(vocabulary - BYTES - 1);
    for (int p = 0; p < PAIRS; p++) {
      merges.add(pair(p).charAt(0) + " " + pair(p).charAt(1));
    }
    for (int w = 0; BYTES + merges.size() < vocabulary - 1; w++) {
      merges.add(pair(w / PAIRS) + " " + pair(w % PAIRS));
    }
    return merges;
  }

  int[] types() {
    int[] types = new int[vocabulary];
    Arrays.fill(types, NORMAL);
    types[endToken()] = CONTROL;
    return types;
  }

  private static String pair(int number) {
    return "" + (char) ('a' + number / LETTERS) + (char) ('a' + number % LETTERS);
  }
}
