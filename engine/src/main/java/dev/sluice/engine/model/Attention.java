package dev.sluice.engine.model;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.store.ModelSpec;
import java.util.List;
import java.util.Optional;

/**
 * One layer's causal self-attention with grouped queries. Two steps, so that blocks of one sequence can run in
 * parallel: {@link #project} writes queries, and keys and values into the cache; {@link #mix} attends over everything that
 * the layer sees from each position. Immutable; thread-safe as long as blocks do not overlap.
 */
final class Attention {
  private final ModelSpec spec;
  private final Kernels kernels;
  private final RopeTable rope;
  private final HeadMixer mixer;
  private final Projections projections;
  private final Norms norms;

  /** The layer's matrices, with their biases. */
  record Projections(Linear queries, Linear keys, Linear values, Linear output) {}

  /**
   * The layer's norms, of which most models have the first alone.
   *
   * @param input over the hidden state, before everything
   * @param query over each head of the queries, before they turn
   * @param key over each head of the keys
   * @param mixed over all heads, before the output projection
   * @param output over what the output projection gives
   */
  record Norms(
      Norm input, Optional<Norm> query, Optional<Norm> key, Optional<Norm> mixed,
      Optional<Norm> output) {}

  Attention(
      ModelSpec spec, Kernels kernels, RopeTable rope, HeadMixer mixer, Projections projections,
      Norms norms) {
    this.spec = spec;
    this.kernels = kernels;
    this.rope = rope;
    this.mixer = mixer;
    this.projections = projections;
    this.norms = norms;
  }

  /**
   * Norm, projections and rotation of {@code count} positions.
   *
   * @param x hidden states, count × hidden
   * @param q receives queries, count × heads · headSize
   * @param kv receives keys and values at firstPosition and on
   */
  void project(
      float[] x, int xOffset, int firstPosition, int count, float[] q, int qOffset,
      KvCache.Layer kv, Workers workers,
      Scratch scratch) {
    int hidden = spec.hidden();
    int kvSize = spec.kvHeads() * spec.headSize();
    float[] normed = scratch.normed(count * hidden);
    for (int t = 0; t < count; t++) {
      norms.input.apply(kernels, x, xOffset + t * hidden, normed, t * hidden);
    }
    float[] k = scratch.keys(count * kvSize);
    float[] v = scratch.values(count * kvSize);
    if (count == 1) {
      Linear.applyEach(
          List.of(new Linear.Product(projections.queries, q, qOffset),
              new Linear.Product(projections.keys, k, 0),
              new Linear.Product(projections.values, v, 0)),
          kernels, workers, normed, 0, scratch);
    } else {
      projections.queries.applyBlock(kernels, normed, 0, count, q, qOffset, scratch);
      projections.keys.applyBlock(kernels, normed, 0, count, k, 0, scratch);
      projections.values.applyBlock(kernels, normed, 0, count, v, 0, scratch);
    }
    int qSize = spec.heads() * spec.headSize();
    for (int t = 0; t < count; t++) {
      turn(norms.query, q, qOffset + t * qSize, spec.heads(), firstPosition + t);
      turn(norms.key, k, t * kvSize, spec.kvHeads(), firstPosition + t);
      store(k, v, t * kvSize, kv, firstPosition + t);
    }
  }

  /** Norm and rotation of one position's heads, in place. */
  private void turn(Optional<Norm> norm, float[] x, int offset, int heads, int position) {
    if (norm.isPresent()) {
      norm.get().applyEach(kernels, x, offset, heads);
    }
    rope.rotate(x, offset, heads, spec.headSize(), position);
  }

  private void store(float[] k, float[] v, int offset, KvCache.Layer kv, int position) {
    int headSize = spec.headSize();
    for (int head = 0; head < spec.kvHeads(); head++) {
      int from = offset + head * headSize;
      kv.store(head, position, k, v, from);
    }
  }

  /** Attends for {@code count} positions and adds the output projection to the hidden states {@code x}. */
  void mix(
      float[] q, int qOffset, int firstPosition, int count, KvCache.Layer kv, float[] x,
      int xOffset, Workers workers,
      Scratch scratch) {
    float[] mixed = scratch.mixed(count * spec.heads() * spec.headSize());
    mixer.mix(q, qOffset, firstPosition, count, kv, mixed, workers, scratch);
    if (norms.mixed.isPresent()) {
      norms.mixed.get().applyEach(kernels, mixed, 0, count);
    }
    int hidden = spec.hidden();
    float[] projected = scratch.output(count * hidden);
    if (count == 1) {
      projections.output.applyOne(kernels, workers, mixed, 0, projected, 0, scratch);
    } else {
      projections.output.applyBlock(kernels, mixed, 0, count, projected, 0, scratch);
    }
    if (norms.output.isPresent()) {
      norms.output.get().applyEach(kernels, projected, 0, count);
    }
    for (int i = 0; i < count * hidden; i++) {
      x[xOffset + i] += projected[i];
    }
  }
}
