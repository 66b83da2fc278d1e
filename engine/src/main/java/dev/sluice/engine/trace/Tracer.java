package dev.sluice.engine.trace;

import dev.sluice.engine.eval.OnePercentSearch;
import dev.sluice.engine.eval.Perplexity;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.threshold.OnePercentTargets;
import dev.sluice.storage.trace.TraceHeader;
import dev.sluice.storage.trace.TraceKeys;
import dev.sluice.storage.trace.TraceReader;
import dev.sluice.storage.trace.TraceWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Runs a text through a model layer by layer and writes the trace. A run that was cut off goes on where it stopped. */
public final class Tracer {
  private final Model model;
  private final Sweep sweep;
  private final Workers workers;

  /**
   * What to record.
   *
   * @param target the trace file
   * @param existing what to do when it exists
   * @param storeDigest names the store
   * @param tokens the text; an incomplete last window is dropped
   * @param searchTokens the text of the CETT-PPL-1 % search; empty for none
   * @param windowTokens positions per window, at most 256
   * @param magnitude which magnitude is recorded, OUTPUT or GATE
   * @param activity what counts as active while running
   * @param predictor who chooses neurons while running; ALL for a dense run
   * @param curves whether a dense run measures CETT curves, which costs about as much again
   */
  public record Request(
      Path target,
      TraceWriter.Existing existing,
      String storeDigest,
      int[] tokens,
      int[] searchTokens,
      int windowTokens,
      ActiveRule magnitude,
      Activity activity,
      ActivePredictor predictor,
      Curves curves) {

    /** The same with curves where the run is dense. */
    public Request(
        Path target, TraceWriter.Existing existing, String storeDigest, int[] tokens,
        int[] searchTokens, int windowTokens, ActiveRule magnitude, Activity activity,
        ActivePredictor predictor) {
      this(target, existing, storeDigest, tokens, searchTokens, windowTokens, magnitude, activity,
          predictor, Curves.MEASURED);
    }
  }

  /** Whether CETT curves are measured. */
  public enum Curves {
    MEASURED,
    LEFT_OUT
  }

  /** {@code sweep} must take blocks of at least {@code windowTokens} positions. */
  public Tracer(Model model, Sweep sweep, Workers workers) {
    this.model = model;
    this.sweep = sweep;
    this.workers = workers;
  }

  /** Records; {@code progress} counts layers, and after them the steps of the search. */
  public void trace(Request request, ProgressListener progress) {
    ModelSpec spec = model.spec();
    int windows = request.tokens.length / request.windowTokens;
    if (windows == 0) {
      throw new IllegalArgumentException(
          "the text is shorter than one window of " + request.windowTokens + " tokens");
    }
    int tokens = windows * request.windowTokens;
    boolean dense =
        request.activity.rule() == ActiveRule.EXACT && request.predictor.name().equals("all");
    TraceHeader header =
        new TraceHeader(
            request.storeDigest,
            TextDigest.of(request.tokens, tokens, request.searchTokens),
            spec.layers(),
            spec.feedForward(),
            tokens,
            request.windowTokens,
            request.magnitude.key(),
            dense ? "dense" : describe(request));
    try (TraceWriter writer = TraceWriter.open(request.target, header, request.existing)) {
      int done = writer.completedLayers();
      List<Sequence> sequences =
          sequences(request, windows, done == 0 ? new byte[0] : writer.state());
      List<ActiveRule> curves =
          dense && request.curves == Curves.MEASURED ? curveRules(spec) : List.of();
      Recorder recorder = new Recorder(model, writer, request, sequences, curves, tokens, progress);
      sweep.run(sequences, done, request.activity, request.predictor, recorder);
      if (!curves.isEmpty() && request.searchTokens.length >= request.windowTokens) {
        writer.blob(TraceKeys.TARGETS,
            search(request, writer, recorder, curves, progress).encode());
      }
      writer.finish();
    }
  }

  /** The curves of a finished trace, one per layer. */
  public static List<CettCurve> curves(TraceReader trace, ActiveRule rule) {
    List<CettCurve> result = new ArrayList<>();
    for (int layer = 0; layer < trace.header().layers(); layer++) {
      byte[] bytes =
          trace
              .blob(TraceKeys.curve(rule, layer))
              .orElseThrow(() -> new IllegalArgumentException(
                  "the trace has no curve of the rule " + rule.key()));
      result.addAll(CettCurve.decode(bytes));
    }
    return result;
  }

  private static String describe(Request request) {
    return request.predictor.name() + ", " + request.activity.rule().key() + " at CETT "
        + request.activity.cett();
  }

  private static List<ActiveRule> curveRules(ModelSpec spec) {
    return spec.form() == ModelSpec.FfnForm.GATED
        ? List.of(ActiveRule.OUTPUT, ActiveRule.GATE)
        : List.of(ActiveRule.OUTPUT);
  }

  private List<Sequence> sequences(Request request, int windows, byte[] state) {
    List<Sequence> sequences = new ArrayList<>();
    for (int w = 0; w < windows; w++) {
      int[] window = new int[request.windowTokens];
      System.arraycopy(request.tokens, w * request.windowTokens, window, 0, request.windowTokens);
      Sequence sequence = sweep.window(window);
      if (request.predictor.input() == PredictorInput.PREVIOUS_FFN) {
        sequence.keepFfnInputs();
      }
      sequences.add(sequence);
    }
    if (state.length > 0) {
      var floats = ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
      sequences.forEach(sequence -> sequence.states().forEach(floats::get));
    }
    return sequences;
  }

  private OnePercentTargets search(
      Request request, TraceWriter writer, Recorder recorder, List<ActiveRule> rules,
      ProgressListener progress) {
    ModelSpec spec = model.spec();
    Perplexity perplexity = new Perplexity(model, sweep, workers);
    OnePercentSearch search =
        new OnePercentSearch(perplexity, request.searchTokens, request.windowTokens,
            spec.feedForward());
    Map<ActiveRule, Double> targets = new EnumMap<>(ActiveRule.class);
    for (ActiveRule rule : rules) {
      List<CettCurve> curves = recorder.curves(rule);
      int before = rules.indexOf(rule);
      OnePercentSearch.Result found =
          search.search(
              rule,
              curves,
              (done, total) -> progress.progress(
                  spec.layers() + before * total + done,
                  spec.layers() + (long) rules.size() * total));
      targets.put(rule, found.target());
      writer.blob(TraceKeys.search(rule), found.tried().encode());
    }
    return new OnePercentTargets(targets);
  }

  /** The states of all sequences, from which the next layer can go on. */
  static byte[] state(List<Sequence> sequences) {
    List<float[]> states =
        sequences.stream().flatMap(sequence -> sequence.states().stream()).toList();
    int size = 0;
    for (float[] one : states) {
      size = Math.addExact(size, one.length);
    }
    float[] all = new float[size];
    int at = 0;
    for (float[] one : states) {
      System.arraycopy(one, 0, all, at, one.length);
      at += one.length;
    }
    return Floats.toBytes(all);
  }
}
