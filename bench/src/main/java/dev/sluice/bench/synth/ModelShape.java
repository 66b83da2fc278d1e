package dev.sluice.bench.synth;

import dev.sluice.storage.BadInputException;

/**
 * The dimensions of a synthetic model.
 *
 * @param ffn kind of FFN, and with it the architecture
 * @param hidden elements of the residual stream
 * @param feedForward neurons of a layer
 * @param headElements elements of a head; an even number, and heads × headElements is what attention works on
 * @param vocabulary tokens, the byte tokens and one special token included
 * @param context tokens of context that the file states
 */
public record ModelShape(
    Ffn ffn,
    int hidden,
    int feedForward,
    int layers,
    int heads,
    int keyValueHeads,
    int headElements,
    int vocabulary,
    int context) {
  private static final int BLOCK = 32;
  private static final int MAX_ELEMENTS = 1 << 18;
  private static final int MAX_LAYERS = 1 << 10;

  /** What an FFN computes. */
  public enum Ffn {
    /** down · relu(up · x)², as ArceeForCausalLM. */
    RELU2("arcee", "squared ReLU"),
    /** down · (silu(gate · x) ∘ (up · x)), as LlamaForCausalLM. */
    SWIGLU("llama", "SwiGLU");

    private final String architecture;
    private final String label;

    Ffn(String architecture, String label) {
      this.architecture = architecture;
      this.label = label;
    }

    /** GGUF's name of the architecture. */
    public String architecture() {
      return architecture;
    }

    /** As reports call it. */
    public String label() {
      return label;
    }
  }

  /** AFM-4.5B's: 4.6 billion parameters, 4.9 GB as Q8_0. */
  public static final ModelShape AFM_4_5B =
      new ModelShape(Ffn.RELU2, 2560, 18432, 36, 20, 4, 128, 128_000, 4096);

  /**
   * @throws BadInputException if no model can have this shape
   */
  public ModelShape {
    check("--hidden", hidden, BLOCK, MAX_ELEMENTS, BLOCK);
    check("--ffn", feedForward, BLOCK, MAX_ELEMENTS, BLOCK);
    check("--layers", layers, 1, MAX_LAYERS, 1);
    check("--heads", heads, 1, 1 << 10, 1);
    check("--kv-heads", keyValueHeads, 1, heads, 1);
    check("--head-dim", headElements, BLOCK, 1 << 10, BLOCK);
    check("--vocab", vocabulary, SyntheticTokenizer.LEAST_TOKENS, SyntheticTokenizer.MOST_TOKENS,
        1);
    check("--context", context, 1, 1 << 24, 1);
    if (heads % keyValueHeads != 0) {
      throw new BadInputException("--kv-heads " + keyValueHeads,
          "do not divide " + heads + " heads", "give a divisor of --heads");
    }
  }

  private static void check(String flag, int value, int least, int most, int multiple) {
    if (value < least || value > most || value % multiple != 0) {
      throw new BadInputException(
          flag + " " + value,
          "is not possible",
          "give " + least + " to " + most
              + (multiple == 1 ? "" : ", a multiple of " + multiple));
    }
  }

  /** The SwiGLU model of as many parameters: three matrices of two thirds of the neurons. */
  public ModelShape swigluSibling() {
    int neurons = feedForward * 2 / 3 / BLOCK * BLOCK;
    return new ModelShape(
        Ffn.SWIGLU, hidden, neurons, layers, heads, keyValueHeads, headElements, vocabulary,
        context);
  }

  int attentionElements() {
    return heads * headElements;
  }

  int keyValueElements() {
    return keyValueHeads * headElements;
  }
}
