package dev.sluice.engine.trace;

import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.model.Model;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.trace.TraceChunk;
import dev.sluice.storage.trace.TraceKeys;
import dev.sluice.storage.trace.TraceWriter;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.TreeMap;

/**
 * Writes what a sweep shows: chunks in window order however the windows finish, then, layer by layer, curves, norms and
 * inputs. Sums are merged in window order, so a trace does not depend on the number of threads.
 */
final class Recorder implements LayerObserver {
  /** FFN inputs, and as many block inputs, that are kept for fitting predictors: all positions where they fit, otherwise evenly spread ones. */
  private static final int INPUT_BYTES_PER_LAYER = 32 << 20;

  // Activations without exact zeros: outputs below this share of the token's largest are not worth recording.
  private static final float SMOOTH_FLOOR = 0x1p-10f;

  private final ModelSpec spec;
  private final TraceWriter writer;
  private final Tracer.Request request;
  private final List<Sequence> sequences;
  private final List<CettMeter> meters = new ArrayList<>();
  private final ProgressListener progress;
  private final int sampleStride;
  private final int samples;
  private final boolean exactZeros;

  private final TreeMap<Integer, Window> waiting = new TreeMap<>();
  private final Deque<TraceChunk> spare = new ArrayDeque<>();
  private List<CettMeter.Sums> totals = List.of(); // by meter, of the windows that are written
  private float[] inputs;
  private float[] blockInputs;
  private float[] columnNorms;
  private int nextWindow;

  /** What one window of a layer showed. */
  private record Window(TraceChunk chunk, List<CettMeter.Sums> sums) {}

  Recorder(
      Model model, TraceWriter writer, Tracer.Request request, List<Sequence> sequences,
      List<ActiveRule> curves,
      int tokens, ProgressListener progress) {
    this.spec = model.spec();
    this.writer = writer;
    this.request = request;
    this.sequences = sequences;
    this.progress = progress;
    curves.forEach(rule -> meters.add(new CettMeter(model, rule)));
    int most = Math.max(1, INPUT_BYTES_PER_LAYER / (Float.BYTES * spec.hidden()));
    sampleStride = Math.max(1, (tokens + most - 1) / most);
    samples = (tokens + sampleStride - 1) / sampleStride;
    exactZeros = spec.activation() == Activation.RELU || spec.activation() == Activation.RELU2;
  }

  /** The curves of all layers of a rule, read back from what was written, resumed layers included. */
  List<CettCurve> curves(ActiveRule rule) {
    List<CettCurve> result = new ArrayList<>();
    for (int layer = 0; layer < spec.layers(); layer++) {
      result.addAll(CettCurve.decode(writer.blob(TraceKeys.curve(rule, layer)).orElseThrow()));
    }
    return result;
  }

  @Override
  public void layerStarts(LayerWeights weights, float[] norms) {
    progress.progress(weights.layer(), spec.layers());
    totals = meters.stream().map(_ -> new CettMeter.Sums()).toList();
    inputs = new float[samples * spec.hidden()];
    blockInputs = new float[inputs.length];
    columnNorms = norms;
    nextWindow = 0;
  }

  @Override
  public void observe(Block block) {
    if (block.firstToken() != 0 || block.count() != request.windowTokens()) {
      throw new IllegalStateException("tracing needs blocks of one window");
    }
    List<CettMeter.Sums> sums = meters.stream().map(meter -> meter.measure(block)).toList();
    sample(block);
    TraceChunk chunk = freshChunk();
    fill(block, chunk);
    append(block.weights().layer(), block.sequence(), new Window(chunk, sums));
  }

  private void sample(Block block) {
    int hidden = spec.hidden();
    int first = block.sequence() * request.windowTokens();
    for (int t = 0; t < block.count(); t++) {
      if ((first + t) % sampleStride == 0) {
        int at = (first + t) / sampleStride * hidden;
        System.arraycopy(block.normed(), t * hidden, inputs, at, hidden);
        System.arraycopy(block.blockNormed(), t * hidden, blockInputs, at, hidden);
      }
    }
  }

  private void fill(Block block, TraceChunk chunk) {
    int count = block.count();
    for (int t = 0; t < count; t++) {
      float floor = exactZeros ? 0 : SMOOTH_FLOOR * largest(block, t);
      for (int i = 0; i < spec.feedForward(); i++) {
        int at = i * count + t;
        if (block.verdicts()[at] == (Sweep.ACTIVE | Sweep.PREDICTED)) {
          float magnitude = magnitude(block, i, at);
          if (magnitude > floor) {
            chunk.fire(t, i, magnitude);
          }
        }
      }
    }
  }

  private float largest(Block block, int t) {
    float largest = 0;
    for (int i = 0; i < spec.feedForward(); i++) {
      largest = Math.max(largest, magnitude(block, i, i * block.count() + t));
    }
    return largest;
  }

  private float magnitude(Block block, int neuron, int at) {
    return request.magnitude() == ActiveRule.GATE
        ? Math.abs(block.inner()[at])
        : Math.abs(block.outputs()[at]) * block.columnNorms()[neuron];
  }

  private TraceChunk freshChunk() {
    TraceChunk chunk;
    synchronized (this) {
      chunk = spare.poll();
    }
    if (chunk == null) {
      chunk = new TraceChunk(request.windowTokens(), spec.feedForward());
    }
    chunk.clear(request.windowTokens());
    return chunk;
  }

  private synchronized void append(int layer, int index, Window window) {
    waiting.put(index, window);
    while (!waiting.isEmpty() && waiting.firstKey() == nextWindow) {
      Window next = waiting.pollFirstEntry().getValue();
      writer.append(layer, nextWindow * request.windowTokens(), next.chunk);
      for (int m = 0; m < totals.size(); m++) {
        totals.get(m).add(next.sums.get(m));
      }
      spare.add(next.chunk);
      nextWindow++;
    }
  }

  @Override
  public void layerEnds(int layer) {
    for (int m = 0; m < meters.size(); m++) {
      CettCurve curve = totals.get(m).curve();
      writer.blob(TraceKeys.curve(meters.get(m).rule(), layer), CettCurve.encode(List.of(curve)));
    }
    writer.blob(TraceKeys.columnNorms(layer), Floats.toBytes(columnNorms));
    writer.blob(TraceKeys.inputs(layer), Floats.toBytes(inputs));
    writer.blob(TraceKeys.blockInputs(layer), Floats.toBytes(blockInputs));
    writer.endLayer(layer, Tracer.state(sequences));
    progress.progress(layer + 1, spec.layers());
  }
}
