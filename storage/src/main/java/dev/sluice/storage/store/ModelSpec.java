package dev.sluice.storage.store;

import java.util.List;

/**
 * The shape and arithmetic of one decoder-only transformer, free of any checkpoint's spelling. Written by importers,
 * read by the engine. Immutable.
 *
 * @param architecture lower-case family name, such as {@code arcee} or {@code llama}; informative only, the graph is
 *     decided by the other fields and by which optional tensors exist
 * @param hidden width of the residual stream (d)
 * @param feedForward neurons per FFN layer (d_ff)
 * @param headSize elements per attention head; need not be hidden / heads
 * @param contextLength positions the model was made for
 * @param bundle how FFN rows and columns are encoded in the bundles
 * @param endOfTextIds token ids that end generation, possibly empty
 */
public record ModelSpec(
    String architecture,
    int layers,
    int hidden,
    int feedForward,
    int heads,
    int kvHeads,
    int headSize,
    int vocabulary,
    int contextLength,
    NormKind norm,
    float normEpsilon,
    Activation activation,
    FfnForm form,
    Rope rope,
    HeadKind head,
    BundleFormat bundle,
    List<Integer> endOfTextIds) {

  /** Normalisation: root mean square, or mean and variance with a bias. */
  public enum NormKind {
    RMS,
    LAYER
  }

  /** The FFN's non-linearity. */
  public enum Activation {
    RELU,
    RELU2,
    SILU,
    GELU_TANH
  }

  /** GATED: down(act(gate x) · up x), three rows a neuron. UNGATED: down(act(up x)), two. */
  public enum FfnForm {
    GATED,
    UNGATED
  }

  /** Whether logits come from the token embedding itself or from a matrix of their own. */
  public enum HeadKind {
    TIED,
    SEPARATE
  }

  /**
   * Rotary position embedding, rotate-half convention.
   *
   * @param theta base of the frequencies
   * @param rotatedSize leading elements of each head that rotate; 0 when positions are not rotary
   * @param scaling how frequencies change for long contexts
   */
  public record Rope(double theta, int rotatedSize, Scaling scaling) {}

  /** Frequency scaling. {@code kind} decides which of the other fields count; unused ones are 0. */
  public record Scaling(
      ScalingKind kind, double factor, double lowFrequencyFactor, double highFrequencyFactor,
      int originalContext) {
    public static final Scaling NONE = new Scaling(ScalingKind.NONE, 0, 0, 0, 0);
  }

  /** Frequency scalings that the graph knows. */
  public enum ScalingKind {
    NONE,
    LINEAR,
    LLAMA3
  }

  public ModelSpec {
    endOfTextIds = List.copyOf(endOfTextIds);
  }

  /** Rows and columns that make one neuron: 3 when gated, otherwise 2. */
  public int rowsPerNeuron() {
    return form == FfnForm.GATED ? 3 : 2;
  }

  /** Bytes of one neuron's bundle without padding: its rows and its column, {@code hidden} elements each. */
  public int bundleBytes() {
    return bundle.bundleBytes(form, hidden);
  }

  /** Bytes of all FFN weights without padding. */
  public long ffnBytes() {
    return (long) layers * feedForward * bundleBytes();
  }
}
