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
  // Positions whose scores are computed together: keys are then read once for all of them.
  private static final int TILE_POSITIONS = 16;

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
    float[] k = scratch.keys(count * kvSize);
    float[] v = scratch.values(count * kvSize);
    if (count == 1) {
      queries.applyOne(kernels, workers, normed, 0, q, qOffset, scratch);
      keys.applyOne(kernels, workers, normed, 0, k, 0, scratch);
      values.applyOne(kernels, workers, normed, 0, v, 0, scratch);
    } else {
      queries.applyBlock(kernels, normed, 0, count, q, qOffset, scratch);
      keys.applyBlock(kernels, normed, 0, count, k, 0, scratch);
      values.applyBlock(kernels, normed, 0, count, v, 0, scratch);
    }
    int headSize = spec.headSize();
    int qSize = spec.heads() * headSize;
    for (int t = 0; t < count; t++) {
      rope.rotate(q, qOffset + t * qSize, spec.heads(), headSize, firstPosition + t);
      rope.rotate(k, t * kvSize, spec.kvHeads(), headSize, firstPosition + t);
      for (int head = 0; head < spec.kvHeads(); head++) {
        int from = t * kvSize + head * headSize;
        int to = kv.at(head, firstPosition + t);
        System.arraycopy(k, from, kv.keys, to, headSize);
        System.arraycopy(v, from, kv.values, to, headSize);
      }
    }
  }

  /** Attends for {@code count} positions and adds the output projection to the hidden states {@code x}. */
  void mix(
      float[] q, int qOffset, int firstPosition, int count, KvCache.Layer kv, float[] x,
      int xOffset, Workers workers,
      Scratch scratch) {
    int qSize = spec.heads() * spec.headSize();
    float[] mixed = scratch.mixed(count * qSize);
    for (int from = 0; from < count; from += TILE_POSITIONS) {
      int some = Math.min(TILE_POSITIONS, count - from);
      for (int kvHead = 0; kvHead < spec.kvHeads(); kvHead++) {
        mixTile(q, qOffset + from * qSize, firstPosition + from, some, kvHead, kv, mixed,
            from * qSize, scratch);
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

  /**
   * The heads that share one key-value head, for a few positions: scores as a tile of queries by keys, softmax over what each
   * may see, then a tile of values. Scores beyond a position count as zero, which changes no bit of a sum.
   */
  private void mixTile(
      float[] q, int qOffset, int firstPosition, int count, int kvHead, KvCache.Layer kv,
      float[] mixed, int mixedOffset,
      Scratch scratch) {
    int headSize = spec.headSize();
    int qSize = spec.heads() * headSize;
    int group = spec.heads() / spec.kvHeads();
    int rows = count * group;
    int positions = firstPosition + count;
    float scale = (float) (1 / Math.sqrt(headSize));
    float[] tile = scratch.queries(rows * headSize);
    float[] sums = scratch.sums(rows * headSize);
    float[] scores = scratch.scores(rows * positions);
    float[] weights = scratch.weights(rows * positions);
    for (int t = 0; t < count; t++) {
      int from = qOffset + t * qSize + kvHead * group * headSize;
      System.arraycopy(q, from, tile, t * group * headSize, group * headSize);
    }
    int at = kv.at(kvHead, 0);
    kernels.dotTile(tile, 0, rows, kv.keys, at, positions, scores, 0, positions, headSize);
    for (int row = 0; row < rows; row++) {
      int seen = firstPosition + row / group + 1;
      for (int p = row * positions; p < row * positions + seen; p++) {
        scores[p] *= scale;
      }
      kernels.softmax(scores, row * positions, seen);
      for (int p = 0; p < positions; p++) {
        weights[p * rows + row] = p < seen ? scores[row * positions + p] : 0;
      }
    }
    Arrays.fill(sums, 0, rows * headSize, 0);
    kernels.axpyTile(kv.values, at, positions, weights, 0, rows, sums, 0, rows, headSize);
    for (int t = 0; t < count; t++) {
      int to = mixedOffset + t * qSize + kvHead * group * headSize;
      System.arraycopy(sums, t * group * headSize, mixed, to, group * headSize);
    }
  }
}
