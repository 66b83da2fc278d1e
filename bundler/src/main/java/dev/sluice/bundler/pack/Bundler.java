package dev.sluice.bundler.pack;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.bundler.coactivation.FiringRule;
import dev.sluice.bundler.coactivation.TokenRange;
import dev.sluice.bundler.order.Order;
import dev.sluice.bundler.predictor.PredictorFit;
import dev.sluice.bundler.predictor.PredictorRecipe;
import dev.sluice.bundler.predictor.QuantisedFit;
import dev.sluice.bundler.quant.BundleDecoder;
import dev.sluice.bundler.quant.Requantisation;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.plan.DeviceModel;
import dev.sluice.storage.predictor.NamedShares;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Provenance;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.threshold.OnePercentTargets;
import dev.sluice.storage.trace.TraceKeys;
import dev.sluice.storage.trace.TraceReader;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.DoubleStream;

/** Repacks a store by a trace of it. */
public final class Bundler {
  /** Margins for whatever target a run may name. */
  private static final List<Double> MARGIN_TARGETS = List.of(0.02, 0.05, 0.1, 0.2, 0.4);

  private static final double USUAL_RESIDENT_SHARE = 0.5;

  private Bundler() {}

  /**
   * What to make.
   *
   * @param target the new store's folder
   * @param options container, arrangement, stride, and what happens to an existing target
   * @param order how each layer's neurons are arranged
   * @param cett CETT target whose thresholds decide what was active when orders and frequencies are counted
   * @param fittedTo which firings orders are fitted to
   * @param predictors what to fit; empty for none
   * @param recallTarget share of active magnitude the predictors' margins must keep
   * @param requantisation which weights are encoded anew
   * @param marginTargets CETT targets at which predictors are calibrated, besides {@code cett}, the exact rule and each rule's
   *     CETT-PPL-1 % target
   */
  public record Request(
      Path target, StoreWriter.Options options, Order order, double cett, FittedTo fittedTo,
      List<PredictorRecipe> predictors, double recallTarget, long seed,
      Requantisation requantisation, List<Double> marginTargets) {
    public Request {
      marginTargets = List.copyOf(marginTargets);
    }

    /** The same with other options. */
    public Request with(StoreWriter.Options other) {
      return new Request(target, other, order, cett, fittedTo, predictors, recallTarget, seed,
          requantisation, marginTargets);
    }

    /** The same with predictors calibrated at other targets. */
    public Request withMarginTargets(List<Double> other) {
      return new Request(target, options, order, cett, fittedTo, predictors, recallTarget, seed,
          requantisation, other);
    }

    /** The same with the usual targets. */
    public Request(Path target, StoreWriter.Options options, Order order, double cett,
        FittedTo fittedTo, List<PredictorRecipe> predictors, double recallTarget, long seed,
        Requantisation requantisation) {
      this(target, options, order, cett, fittedTo, predictors, recallTarget, seed,
          requantisation, MARGIN_TARGETS);
    }

    /** The same with weights encoded as they are. */
    public Request(Path target, StoreWriter.Options options, Order order, double cett,
        FittedTo fittedTo, List<PredictorRecipe> predictors, double recallTarget, long seed) {
      this(target, options, order, cett, fittedTo, predictors, recallTarget, seed,
          Requantisation.NONE);
    }
  }

  /**
   * What a cache is expected to spare: the order that pays is fitted to the misses after it.
   *
   * @param windowTokens firings within so many tokens of the neuron's last one do not count; 0 counts all
   * @param residentShare this share of each layer's neurons, the most frequent, stays in RAM; they come first on disk
   */
  public record FittedTo(int windowTokens, double residentShare) {
    /** Every firing. */
    public static final FittedTo ALL = new FittedTo(0, 0);
  }

  /**
   * Writes the new store; {@code progress} counts layers.
   *
   * @throws BadInputException if the trace is of another store
   */
  public static void bundle(Store store, TraceReader trace, Path traceFile, Request request,
      ProgressListener progress) {
    ModelSpec spec = store.spec();
    requireFit(store, trace, traceFile);
    requireInputs(trace, traceFile, request.predictors);
    ActiveRule rule = ActiveRule.ofKey(trace.header().rule());
    Map<ActiveRule, List<CettCurve>> curves = curves(trace, spec);
    float[] thresholds = thresholds(spec, rule, curves, traceFile, request.cett);
    Requantisation quant = request.requantisation;
    try (Arena arena = Arena.ofShared();
        StoreWriter writer =
            StoreWriter.create(request.target, quant.applyTo(spec), request.options)) {
      ResidentTensors resident =
          new ResidentTensors(store,
              ResidentCopy.copy(store, writer, arena,
                  tensor -> !Requantiser.replaces(quant, spec, tensor)));
      Requantiser requantiser = new Requantiser(quant, store, resident);
      requantiser.head(writer);
      List<QuantisedFit.Target> targets = targets(trace, spec, curves, request);
      List<PredictorFit> fits = request.predictors.stream()
          .map(recipe -> recipe.start(spec, request.recallTarget, targets,
              chosenTarget(targets, rule, request.cett), request.seed, arena))
          .toList();
      float[] frequencies = new float[spec.layers() * spec.feedForward()];
      for (int layer = 0; layer < spec.layers(); layer++) {
        progress.progress(layer, spec.layers());
        try (Arena layerArena = Arena.ofShared()) {
          BundleDecoder weights =
              requantiser.layer(layer, StoredLayer.read(store, layer, layerArena),
                  inputs(trace, layer), writer, layerArena);
          Activity all = activity(trace, layer, new FiringRule(thresholds[layer], 0));
          int[] counts = all.counts();
          for (int i = 0; i < spec.feedForward(); i++) {
            frequencies[layer * spec.feedForward() + i] = counts[i] / (float) all.tokens();
          }
          int[] order = order(trace, layer, thresholds[layer], all, request);
          writer.ffnLayer(layer, order, weights::copyBundle);
          if (!fits.isEmpty()) {
            QuantisedFit.LayerData data = layerData(spec, trace, layer, weights, resident,
                request.predictors);
            fits.forEach(fit -> fit.addLayer(data));
          }
        }
      }
      writer.blob(StoreKeys.FREQUENCY, Floats.toBytes(frequencies));
      if (quant.changesTypes()) {
        writer.blob(StoreKeys.QUANTISATION, requantiser.errors().encode());
      } else {
        store.blob(StoreKeys.QUANTISATION)
            .ifPresent(json -> writer.blob(StoreKeys.QUANTISATION, json));
      }
      copyMeasurements(trace, spec, curves, writer);
      Map<String, float[]> named = new TreeMap<>();
      for (int k = 0; k < fits.size(); k++) {
        fits.get(k).blobs().forEach(writer::blob);
        named.put(request.predictors.get(k).toString(), fits.get(k).namedShares());
      }
      if (!named.isEmpty()) {
        writer.blob(StoreKeys.NAMED_SHARES, new NamedShares(named).encode());
      }
      writer.provenance(provenance(store, trace, request, rule));
      writer.publish();
      progress.progress(spec.layers(), spec.layers());
    }
  }

  /**
   * What each width of a bundle would cost to read on a device: judged by the traced misses of some layers, with the share of
   * neurons resident that orders are fitted to, or half.
   *
   * @throws BadInputException if the trace is of another store
   */
  public static StridePlan stridePlan(Store store, TraceReader trace, Path traceFile,
      Request request, DeviceModel model) {
    ModelSpec spec = store.spec();
    requireFit(store, trace, traceFile);
    float[] thresholds = thresholds(spec, ActiveRule.ofKey(trace.header().rule()),
        curves(trace, spec), traceFile, request.cett);
    double resident = request.fittedTo.residentShare;
    List<StridePlan.Layer> layers = new ArrayList<>();
    for (int layer : StridePlan.sample(spec.layers())) {
      Activity all = activity(trace, layer, new FiringRule(thresholds[layer], 0));
      layers.add(StridePlan.Layer.of(all, order(trace, layer, thresholds[layer], all, request),
          resident > 0 ? resident : USUAL_RESIDENT_SHARE));
    }
    return StridePlan.of(request.requantisation.applyTo(spec).bundleBytes(), layers, model);
  }

  private static float[] thresholds(ModelSpec spec, ActiveRule rule,
      Map<ActiveRule, List<CettCurve>> curves, Path traceFile, double cett) {
    if (cett == 0) {
      return new float[spec.layers()];
    }
    if (!curves.containsKey(rule)) {
      throw new BadInputException(
          traceFile, "it has no CETT curves, from a sparse run or without them",
          "bundle with --cett 0");
    }
    return CettCurve.thresholdsAt(curves.get(rule), cett);
  }

  private static int[] order(TraceReader trace, int layer, float threshold, Activity all,
      Request request) {
    FittedTo fitted = request.fittedTo;
    Activity read =
        fitted.windowTokens == 0 ? all
            : activity(trace, layer, new FiringRule(threshold, fitted.windowTokens));
    return LayerOrder.arrange(request.order, all.counts(), read, fitted.residentShare);
  }

  private static void requireFit(Store store, TraceReader trace, Path traceFile) {
    ModelSpec spec = store.spec();
    if (!trace.header().storeDigest().equals(store.digest())
        || trace.header().layers() != spec.layers()
        || trace.header().neurons() != spec.feedForward()) {
      throw new BadInputException(
          traceFile, "it was not recorded from " + store.folder(),
          "trace that store again, or name the right one");
    }
  }

  private static void requireInputs(TraceReader trace, Path traceFile,
      List<PredictorRecipe> predictors) {
    boolean recorded = trace.blob(TraceKeys.blockInputs(0)).isPresent();
    predictors.stream()
        .filter(recipe -> recipe.looksAt(PredictorInput.BLOCK, 0) && !recorded).findFirst()
        .ifPresent(recipe -> {
          throw new BadInputException(traceFile,
              "it has no block inputs, which " + recipe + " is fitted to",
              "trace the store again; older versions did not record them");
        });
  }

  private static Map<ActiveRule, List<CettCurve>> curves(TraceReader trace, ModelSpec spec) {
    Map<ActiveRule, List<CettCurve>> result = new TreeMap<>();
    for (ActiveRule rule : List.of(ActiveRule.OUTPUT, ActiveRule.GATE)) {
      if (trace.blob(TraceKeys.curve(rule, 0)).isPresent()) {
        List<CettCurve> layers = new ArrayList<>();
        for (int layer = 0; layer < spec.layers(); layer++) {
          layers.addAll(CettCurve.decode(trace.blob(TraceKeys.curve(rule, layer)).orElseThrow()));
        }
        result.put(rule, layers);
      }
    }
    return result;
  }

  private static List<QuantisedFit.Target> targets(TraceReader trace, ModelSpec spec,
      Map<ActiveRule, List<CettCurve>> curves, Request request) {
    List<QuantisedFit.Target> targets = new ArrayList<>();
    if (spec.activation() == Activation.RELU || spec.activation() == Activation.RELU2) {
      targets.add(new QuantisedFit.Target(ActiveRule.EXACT, 0, new float[spec.layers()]));
    }
    curves.forEach(
        (rule, layers) -> {
          double[] cetts =
              DoubleStream.concat(
                  request.marginTargets.stream().mapToDouble(Double::doubleValue),
                  DoubleStream.of(request.cett, onePercentTarget(trace, rule)))
                  .filter(each -> each > 0).sorted().distinct().toArray();
          for (double each : cetts) {
            targets.add(new QuantisedFit.Target(rule, each, CettCurve.thresholdsAt(layers, each)));
          }
        });
    return targets;
  }

  /** The target that the store will mostly be run at. */
  private static int chosenTarget(List<QuantisedFit.Target> targets, ActiveRule rule,
      double cett) {
    for (int k = 0; k < targets.size(); k++) {
      if (targets.get(k).cett() == cett && (cett == 0 || targets.get(k).rule() == rule)) {
        return k;
      }
    }
    return 0;
  }

  private static Activity activity(TraceReader trace, int layer, FiringRule rule) {
    return Activity.read(trace, layer, new TokenRange(0, trace.header().tokens()), rule);
  }

  private static QuantisedFit.LayerData layerData(
      ModelSpec spec, TraceReader trace, int layer, BundleDecoder weights,
      ResidentTensors resident, List<PredictorRecipe> predictors) {
    boolean gated = spec.form() == FfnForm.GATED;
    float[] upBias = resident.floats("layers." + layer + ".ffn.up.bias");
    return new QuantisedFit.LayerData(
        weights.innerRows(),
        gated ? weights.upRows() : new float[0],
        gated ? resident.floats("layers." + layer + ".ffn.gate.bias") : upBias,
        gated ? upBias : new float[0],
        Floats.fromBytes(trace.blob(TraceKeys.columnNorms(layer)).orElseThrow()),
        inputs(trace, layer),
        look(predictors, PredictorInput.BLOCK, layer)
            ? Floats.fromBytes(trace.blob(TraceKeys.blockInputs(layer)).orElseThrow())
            : new float[0],
        look(predictors, PredictorInput.PREVIOUS_FFN, layer)
            ? inputs(trace, layer - 1)
            : new float[0]);
  }

  private static boolean look(List<PredictorRecipe> predictors, PredictorInput inputs,
      int layer) {
    return predictors.stream().anyMatch(recipe -> recipe.looksAt(inputs, layer));
  }

  private static float[] inputs(TraceReader trace, int layer) {
    return Floats.fromBytes(trace.blob(TraceKeys.inputs(layer)).orElseThrow());
  }

  private static void copyMeasurements(
      TraceReader trace, ModelSpec spec, Map<ActiveRule, List<CettCurve>> curves,
      StoreWriter writer) {
    float[] norms = new float[spec.layers() * spec.feedForward()];
    for (int layer = 0; layer < spec.layers(); layer++) {
      float[] one = Floats.fromBytes(trace.blob(TraceKeys.columnNorms(layer)).orElseThrow());
      System.arraycopy(one, 0, norms, layer * spec.feedForward(), one.length);
    }
    writer.blob(StoreKeys.COLUMN_NORMS, Floats.toBytes(norms));
    curves.forEach((rule, layers) -> {
      writer.blob(StoreKeys.curve(rule), CettCurve.encode(layers));
      trace.blob(TraceKeys.search(rule))
          .ifPresent(json -> writer.blob(StoreKeys.search(rule), json));
    });
    trace.blob(TraceKeys.TARGETS).ifPresent(json -> writer.blob(StoreKeys.TARGETS, json));
  }

  private static Provenance provenance(Store store, TraceReader trace, Request request,
      ActiveRule rule) {
    Map<String, String> notes = new TreeMap<>(
        Map.of(
            "activity", "rule " + rule.key() + " at CETT " + request.cett,
            "fitted_window_tokens", Integer.toString(request.fittedTo.windowTokens),
            "fitted_resident_share", Double.toString(request.fittedTo.residentShare),
            "imported_store", store.digest()));
    String before = store.provenance().notes().get(Provenance.QUANTISED);
    if (before != null) {
      notes.put(Provenance.QUANTISED, before);
    }
    if (request.requantisation.changesTypes()) {
      notes.merge(Provenance.QUANTISED, request.requantisation.toString(),
          (a, b) -> a + ", then " + b);
    }
    if (request.requantisation.gatePlace().isPresent()) {
      notes.put("gate", "resident");
    }
    return new Provenance(
        store.provenance().source(),
        trace.digest(),
        request.order.name(),
        request.seed,
        notes);
  }

  /** The CETT-PPL-1 % target of a trace for the rule it recorded; 0 if none was searched. */
  public static double onePercentTarget(TraceReader trace) {
    return onePercentTarget(trace, ActiveRule.ofKey(trace.header().rule()));
  }

  private static double onePercentTarget(TraceReader trace, ActiveRule rule) {
    return trace
        .blob(TraceKeys.TARGETS)
        .map(json -> OnePercentTargets.decode(json).of(rule).orElse(0))
        .orElse(0.0);
  }
}
