package dev.sluice.engine.ffn;

import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.model.HeadMixer;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.model.Scratch;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Takes many positions through the model layer by layer, so that each layer's FFN weights are streamed once whatever
 * the number of positions. Blocks of positions run in parallel; the result does not depend on how they are cut.
 * One thread calls it; it owns nothing but buffers.
 */
public final class Sweep {
  /** Bit of a verdict: the rule holds for this neuron at this position. */
  public static final byte ACTIVE = 1;

  /** Bit of a verdict: the predictor named it. Only neurons with both bits contribute. */
  public static final byte PREDICTED = 2;

  private final Model model;
  private final ModelSpec spec;
  private final LayerStream stream;
  private final Workers workers;
  private final int blockPositions;
  private final DownColumns[] columns;
  private final Optional<float[][]> comparedNorms;
  private final ConcurrentLinkedQueue<Buffers> idle = new ConcurrentLinkedQueue<>();

  /**
   * @param stream where FFN weights come from; stays open
   * @param blockPositions positions that one thread takes at a time
   * @param comparedNorms column norms that the output rule's thresholds were found with, layer × neuron, which columns of fewer
   *     bits no longer have; without them the columns' own are taken
   */
  public Sweep(Model model, LayerStream stream, Workers workers, int blockPositions,
      Optional<float[][]> comparedNorms) {
    this.model = model;
    this.spec = model.spec();
    this.stream = stream;
    this.workers = workers;
    this.blockPositions = blockPositions;
    this.columns = DownColumns.of(model);
    this.comparedNorms = comparedNorms;
  }

  /**
   * Heap that a sweep takes at most beside keys and values: hidden states and queries of all positions, what the predictor looks
   * back at, and each thread's buffers. Bytes.
   *
   * @param seen what the predictor looks at
   * @param context positions that attention may look back on
   * @param tokens positions taken together
   */
  public static long heapBytes(ModelSpec spec, PredictorInput seen, int context, int tokens,
      int blockPositions, int threads) {
    long querySize = (long) spec.heads() * spec.headSize();
    long states = seen == PredictorInput.PREVIOUS_FFN ? 2 : 1;
    long positions = (long) tokens * (states * spec.hidden() + querySize);
    int block = Math.min(Math.max(tokens, 1), blockPositions);
    long perThread =
        BlockFfn.heapElements(spec, block)
            + HeadMixer.heapElements(spec, context, block)
            // Normed twice, arranged, keys, values and projections of a block, in the widest of their shapes.
            + 9L * block * Math.max(spec.hidden(), querySize);
    long verdicts = (long) block * spec.feedForward();
    long orders = (long) Integer.BYTES * spec.layers() * spec.feedForward();
    return Float.BYTES * (positions + threads * perThread) + threads * verdicts + orders;
  }

  /** A fresh context for a window of {@code tokens}. */
  public Sequence window(int[] tokens) {
    return Sequence.window(tokens, spec.hidden(), spec.heads() * spec.headSize());
  }

  /** Embeds the tokens and runs all layers. */
  public void run(List<Sequence> sequences, Activity activity, ActivePredictor predictor,
      LayerObserver observer) {
    run(sequences, 0, activity, predictor, observer);
  }

  /**
   * Runs layers {@code firstLayer} and on; a sweep that is taken up again brings its {@link Sequence#states} in the sequences,
   * otherwise (first layer 0) they are set from the embedding.
   */
  public void run(
      List<Sequence> sequences, int firstLayer, Activity activity, ActivePredictor predictor,
      LayerObserver observer) {
    List<Task> tasks = new ArrayList<>();
    for (int s = 0; s < sequences.size(); s++) {
      Sequence sequence = sequences.get(s);
      for (int from = 0; from < sequence.tokens.length; from += blockPositions) {
        tasks.add(
            new Task(s, sequence, from, Math.min(blockPositions, sequence.tokens.length - from)));
      }
    }
    if (predictor.input() == PredictorInput.PREVIOUS_FFN) {
      if (firstLayer > 0 && sequences.stream().anyMatch(each -> each.states().size() == 1)) {
        throw new IllegalArgumentException("FFN inputs of layer " + (firstLayer - 1) + " are lost");
      }
      sequences.forEach(Sequence::keepFfnInputs);
    }
    if (firstLayer == 0) {
      forEach(tasks, this::embed);
    }
    for (int layer = firstLayer; layer < spec.layers(); layer++) {
      int current = layer;
      LayerWeights weights = stream.load(layer, (layer + 1) % spec.layers() == 0 ? -1 : layer + 1);
      boolean compares = activity.rule() == ActiveRule.OUTPUT && comparedNorms.isEmpty();
      float[] columnNorms =
          compares || observer.wantsColumnNorms()
              ? columns[layer].norms(weights, spec.feedForward())
              : new float[spec.feedForward()];
      float[] ruleNorms = comparedNorms.map(all -> all[current]).orElse(columnNorms);
      observer.layerStarts(weights, columnNorms);
      forEach(tasks, (task, buffers) -> project(current, task, buffers));
      forEach(tasks,
          (task, buffers) -> feed(task, buffers, weights, columnNorms, ruleNorms, activity,
              predictor, observer));
      observer.layerEnds(layer);
    }
  }

  private record Task(int index, Sequence sequence, int from, int count) {}

  private interface Step {
    void run(Task task, Buffers buffers);
  }

  private void forEach(List<Task> tasks, Step step) {
    workers.parallelFor(
        tasks.size(),
        i -> {
          Buffers buffers = idle.poll();
          if (buffers == null) {
            buffers = new Buffers(model);
          }
          step.run(tasks.get(i), buffers);
          idle.add(buffers);
        });
  }

  private void embed(Task task, Buffers buffers) {
    for (int t = task.from; t < task.from + task.count; t++) {
      model.embed(task.sequence.tokens[t], task.sequence.firstPosition + t,
          task.sequence.hidden, t * spec.hidden(), buffers.scratch);
    }
  }

  private void project(int layer, Task task, Buffers buffers) {
    Sequence sequence = task.sequence;
    model.projectAttention(
        layer,
        sequence.hidden,
        task.from * spec.hidden(),
        sequence.firstPosition + task.from,
        task.count,
        sequence.queries,
        task.from * spec.heads() * spec.headSize(),
        sequence.kv(layer, spec),
        workers,
        buffers.scratch);
  }

  private void feed(
      Task task, Buffers buffers, LayerWeights weights, float[] columnNorms,
      float[] ruleNorms, Activity activity,
      ActivePredictor predictor,
      LayerObserver observer) {
    Sequence sequence = task.sequence;
    int layer = weights.layer();
    int count = task.count;
    int at = task.from * spec.hidden();
    float[] blockNormed = buffers.blockNormed(count * spec.hidden());
    model.normFfn(layer, sequence.hidden, at, count, blockNormed, 0);
    model.mixAttention(
        layer,
        sequence.queries,
        task.from * spec.heads() * spec.headSize(),
        sequence.firstPosition + task.from,
        count,
        sequence.kv(layer, spec),
        sequence.hidden,
        at,
        workers,
        buffers.scratch);
    float[] normed = buffers.normed(count * spec.hidden());
    model.normFfn(layer, sequence.hidden, at, count, normed, 0);
    BlockFfn ffn = buffers.ffn;
    ffn.activate(weights, normed, 0, count);
    byte[] verdicts = buffers.verdicts(spec.feedForward() * count);
    switch (predictor.input().at(layer)) {
      case FFN -> predictor.predict(layer, normed, 0, count, verdicts, buffers.predictor);
      case BLOCK -> predictor.predict(layer, blockNormed, 0, count, verdicts, buffers.predictor);
      case PREVIOUS_FFN -> predictor.predict(layer, sequence.ffnInputs(), at, count, verdicts,
          buffers.predictor);
    }
    sequence.rememberFfnInputs(normed, at, count * spec.hidden());
    judge(layer, ffn, ruleNorms, activity, verdicts);
    observer.observe(
        new LayerObserver.Block(
            weights, columnNorms, task.index, task.from, count, normed, blockNormed, ffn.inner(),
            ffn.outputs(), verdicts));
    silence(ffn.outputs(), verdicts, spec.feedForward() * count);
    ffn.accumulate(weights, sequence.hidden, at);
  }

  private void judge(int layer, BlockFfn ffn, float[] columnNorms, Activity activity,
      byte[] verdicts) {
    float[] inner = ffn.inner();
    float[] outputs = ffn.outputs();
    int count = ffn.count();
    for (int i = 0; i < spec.feedForward(); i++) {
      activity.judge(layer, inner, outputs, i * count, count, columnNorms[i], verdicts);
    }
  }

  private static void silence(float[] outputs, byte[] verdicts, int size) {
    // Without a branch: which neurons are silent is too irregular to foresee.
    for (int i = 0; i < size; i++) {
      outputs[i] = verdicts[i] == (ACTIVE | PREDICTED) ? outputs[i] : 0;
    }
  }

  /** What one thread needs. */
  private static final class Buffers {
    final Scratch scratch = new Scratch();
    final PredictorScratch predictor = new PredictorScratch();
    final BlockFfn ffn;
    private float[] normed = {};
    private float[] blockNormed = {};
    private byte[] verdicts = {};

    Buffers(Model model) {
      ffn = new BlockFfn(model);
    }

    float[] normed(int size) {
      return normed = normed.length >= size ? normed : new float[size];
    }

    float[] blockNormed(int size) {
      return blockNormed = blockNormed.length >= size ? blockNormed : new float[size];
    }

    byte[] verdicts(int size) {
      return verdicts = verdicts.length >= size ? verdicts : new byte[size];
    }
  }
}
