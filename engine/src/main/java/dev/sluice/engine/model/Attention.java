package dev.sluice.engine.model;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.store.ModelSpec;
import java.util.Arrays;

/**
 * One layer's causal self-attention with grouped queries. Two steps, so that blocks of one sequence can run in
 * parallel: {@link #project} writes queries, and keys and values into the cache; {@link #mix} attends over everything up to
 * each position. Immutable; thread-safe as long as blocks do not overlap.
 */
final class Attention {
  private final ModelSpec spec;
  private final Kernels kernels;
  private final RopeTable rope;
  private final Norm norm;
  private final Linear queries;
  private final Linear keys;
  private final Linear values;
  private final Linear output;

  Attention(
      ModelSpec spec, Kernels kernels, RopeTable rope, Norm norm, Linear queries, Linear keys,
      Linear values,
      Linear output) {
    this.spec = spec;
    this.kernels = kernels;
    this.rope = rope;
    this.norm = norm;
    this.queries = queries;
    this.keys = keys;
    this.values = values;
    this.output = output;
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
      norm.apply(kernels, x, xOffset + t * hidden, normed, t * hidden);
    }
    int at = firstPosition * kvSize;
    if (count == 1) {
      queries.applyOne(kernels, workers, normed, 0, q, qOffset, scratch);
      keys.applyOne(kernels, workers, normed, 0, kv.keys, at, scratch);
      values.applyOne(kernels, workers, normed, 0, kv.values, at, scratch);
    } else {
      queries.applyBlock(kernels, normed, 0, count, q, qOffset, scratch);
      keys.applyBlock(kernels, normed, 0, count, kv.keys, at, scratch);
      values.applyBlock(kernels, normed, 0, count, kv.values, at, scratch);
    }
    int qSize = spec.heads() * spec.headSize();
    for (int t = 0; t < count; t++) {
      rope.rotate(q, qOffset + t * qSize, spec.heads(), spec.headSize(), firstPosition + t);
      rope.rotate(kv.keys, at + t * kvSize, spec.kvHeads(), spec.headSize(), firstPosition + t);
    }
  }

  /** Attends for {@code count} positions and adds the output projection to the hidden states {@code x}. */
  void mix(
      float[] q, int qOffset, int firstPosition, int count, KvCache.Layer kv, float[] x,
      int xOffset, Workers workers,
      Scratch scratch) {
    int headSize = spec.headSize();
    int qSize = spec.heads() * headSize;
    int kvSize = spec.kvHeads() * headSize;
    int group = spec.heads() / spec.kvHeads();
    float scale = (float) (1 / Math.sqrt(headSize));
    float[] mixed = scratch.mixed(count * qSize);
    float[] scores = scratch.scores(firstPosition + count);
    Arrays.fill(mixed, 0, count * qSize, 0);
    for (int t = 0; t < count; t++) {
      int positions = firstPosition + t + 1;
      for (int head = 0; head < spec.heads(); head++) {
        int from = qOffset + t * qSize + head * headSize;
        int kvFrom = head / group * headSize;
        for (int p = 0; p < positions; p++) {
          scores[p] = scale * kernels.dot(q, from, kv.keys, p * kvSize + kvFrom, headSize);
        }
        kernels.softmax(scores, 0, positions);
        int to = t * qSize + head * headSize;
        for (int p = 0; p < positions; p++) {
          kernels.axpy(scores[p], kv.values, p * kvSize + kvFrom, mixed, to, headSize);
        }
      }
    }
    int hidden = spec.hidden();
    float[] projected = scratch.output(count * hidden);
    if (count == 1) {
      output.applyOne(kernels, workers, mixed, 0, projected, 0, scratch);
    } else {
      output.applyBlock(kernels, mixed, 0, count, projected, 0, scratch);
    }
    for (int i = 0; i < count * hidden; i++) {
      x[xOffset + i] += projected[i];
    }
  }
}
