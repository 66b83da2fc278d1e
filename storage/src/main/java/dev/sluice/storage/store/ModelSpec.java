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
 * @param attention what attention does beyond softmax(q·k / √headSize) over all earlier positions
 * @param scales factors and caps at both ends of the graph
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
    List<Integer> endOfTextIds,
    AttentionForm attention,
    Scales scales) {

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

  /**
   * Frequency scaling. {@code kind} decides which of the other fields count; unused ones are 0.
   *
   * @param lowFrequencyFactor turns within the original context below which a wave is stretched whole (YaRN: beta slow)
   * @param highFrequencyFactor turns above which a wave is kept (YaRN: beta fast)
   * @param attentionFactor factor of cosines and sines, 1 but with YaRN
   */
  public record Scaling(
      ScalingKind kind, double factor, double lowFrequencyFactor, double highFrequencyFactor,
      int originalContext, double attentionFactor) {
    public static final Scaling NONE = new Scaling(ScalingKind.NONE, 0, 0, 0, 0);

    /** A scaling that leaves the amplitude alone. */
    public Scaling(
        ScalingKind kind, double factor, double lowFrequencyFactor, double highFrequencyFactor,
        int originalContext) {
      this(kind, factor, lowFrequencyFactor, highFrequencyFactor, originalContext, 1);
    }
  }

  /** Frequency scalings that the graph knows. */
  public enum ScalingKind {
    NONE,
    LINEAR,
    LLAMA3,
    YARN
  }

  /**
   * Scores and what a layer sees.
   *
   * @param scoreScale factor of q·k
   * @param scoreCap c above 0 turns a scaled score s into c·tanh(s / c); 0 leaves it
   * @param window which layers see the latest positions only
   */
  public record AttentionForm(float scoreScale, float scoreCap, SlidingWindow window) {

    /** q·k / √headSize over all earlier positions. */
    public static AttentionForm plain(int headSize) {
      return new AttentionForm((float) (1 / Math.sqrt(headSize)), 0, SlidingWindow.NONE);
    }
  }

  /**
   * Layers that attend to their latest positions only.
   *
   * @param positions how many, the current one among them; 0 when no layer slides
   * @param layers which layers, ascending
   * @param rope rotary embedding of these layers, which may differ from the model's
   */
  public record SlidingWindow(int positions, List<Integer> layers, Rope rope) {
    public static final SlidingWindow NONE =
        new SlidingWindow(0, List.of(), new Rope(0, 0, Scaling.NONE));

    public SlidingWindow {
      layers = List.copyOf(layers);
    }
  }

  /**
   * Factors and caps at both ends of the graph.
   *
   * @param embedding factor of token embeddings
   * @param logits factor of logits, before the cap
   * @param logitCap c above 0 turns a logit z into c·tanh(z / c); 0 leaves it
   */
  public record Scales(float embedding, float logits, float logitCap) {
    public static final Scales NONE = new Scales(1, 1, 0);
  }

  public ModelSpec {
    endOfTextIds = List.copyOf(endOfTextIds);
  }

  /** A model with plain attention and no scales. */
  public ModelSpec(
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
    this(
        architecture, layers, hidden, feedForward, heads, kvHeads, headSize, vocabulary,
        contextLength, norm, normEpsilon, activation, form, rope, head, bundle, endOfTextIds,
        AttentionForm.plain(headSize), Scales.NONE);
  }

  /** The same model with bundles of another encoding. */
  public ModelSpec withBundle(BundleFormat other) {
    return new ModelSpec(
        architecture, layers, hidden, feedForward, heads, kvHeads, headSize, vocabulary,
        contextLength, norm, normEpsilon, activation, form, rope, head, other, endOfTextIds,
        attention, scales);
  }

  /** The resident tensor that logits come from. */
  public String headTensor() {
    return head == HeadKind.TIED ? "embed" : "head";
  }

  /** Whether a layer sees the latest positions only. */
  public boolean slides(int layer) {
    return attention.window().layers().contains(layer);
  }

  /** Rows and columns that make one neuron: 3 when gated, otherwise 2. */
  public int rowsPerNeuron() {
    return form == FfnForm.GATED ? 3 : 2;
  }

  /** Whether gate rows stay resident and bundles have none. */
  public boolean hasResidentGate() {
    return bundle.gatePlace() == BundleFormat.GatePlace.RESIDENT;
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
