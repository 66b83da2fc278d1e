package dev.sluice.engine.model;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.AttentionForm;
import java.util.Arrays;

/**
 * Softmax attention of one layer between projections: scores of queries with cached keys, scaled, capped and limited to
 * the layer's window, and the values that they weigh. Heads that share keys and values are taken together, so that each key
 * is read once for all of them. Immutable; thread-safe. Bits do not depend on how positions are cut or on threads.
 */
public final class HeadMixer {
  // Positions whose scores are computed together: keys are then read once for all of them.
  private static final int TILE_POSITIONS = 16;
  // Keys, and later values, that every query of a tile passes over before the next: they stay in L2 meanwhile.
  private static final int CHUNK_ELEMENTS = 1 << 14;

  private final ModelSpec spec;
  private final Kernels kernels;
  private final int window;
  private final int group;
  private final int chunkPositions;

  /**
   * @param window latest positions that a query sees, its own among them; {@link Integer#MAX_VALUE} for all
   */
  HeadMixer(ModelSpec spec, Kernels kernels, int window) {
    this.spec = spec;
    this.kernels = kernels;
    this.window = window;
    this.group = spec.heads() / spec.kvHeads();
    this.chunkPositions = chunkPositions(spec);
  }

  private static int chunkPositions(ModelSpec spec) {
    return Math.max(16, CHUNK_ELEMENTS / spec.headSize());
  }

  /**
   * Elements of float32 that one thread's buffers hold at most.
   *
   * @param context positions that there may be
   * @param block positions taken together
   */
  public static long heapElements(ModelSpec spec, int context, int block) {
    long group = spec.heads() / spec.kvHeads();
    long one = 2L * spec.heads() * (spec.headSize() + (long) context);
    long tile = 2L * Math.min(block, TILE_POSITIONS) * group * (spec.headSize() + (long) context);
    long widened =
        (long) spec.kvHeads() * Math.min(chunkPositions(spec), context) * spec.headSize();
    return Math.max(one, tile) + widened;
  }

  /**
   * Attends for {@code count} positions; a single one in parallel by key-value head when there is much to see.
   *
   * @param q queries, count × heads · headSize
   * @param mixed receives count × heads · headSize
   */
  void mix(
      float[] q, int qOffset, int firstPosition, int count, KvCache.Layer kv, float[] mixed,
      Workers workers, Scratch scratch) {
    int qSize = spec.heads() * spec.headSize();
    int kvHeads = spec.kvHeads();
    if (count == 1 && workers.threads() > 1) {
      Tile tile = new Tile(firstPosition, 1);
      if (2L * qSize * tile.span >= Linear.PARALLEL_PRODUCTS) {
        Buffers buffers = new Buffers(tile, kvHeads, kv, scratch);
        workers.parallelFor(
            kvHeads, head -> mixTile(q, qOffset, tile, head, kv, mixed, 0, buffers, head));
        return;
      }
    }
    for (int from = 0; from < count; from += TILE_POSITIONS) {
      Tile tile = new Tile(firstPosition + from, Math.min(TILE_POSITIONS, count - from));
      Buffers buffers = new Buffers(tile, 1, kv, scratch);
      for (int head = 0; head < kvHeads; head++) {
        mixTile(q, qOffset + from * qSize, tile, head, kv, mixed, from * qSize, buffers, 0);
      }
    }
  }

  /** A few positions and the stretch of earlier ones that any of them sees. */
  private final class Tile {
    final int firstPosition;
    final int count;
    final int rows; // queries that share a key-value head
    final int firstSeen;
    final int span;

    Tile(int firstPosition, int count) {
      this.firstPosition = firstPosition;
      this.count = count;
      rows = count * group;
      firstSeen = firstSeen(firstPosition);
      span = firstPosition + count - firstSeen;
    }
  }

  /** Room for {@code heads} tiles at once. */
  private final class Buffers {
    final float[] queries;
    final float[] sums;
    final float[] scores;
    final float[] weights;
    final int chunkElements;
    final float[] chunks; // of keys, then of values, where they are not kept as floats

    Buffers(Tile tile, int heads, KvCache.Layer kv, Scratch scratch) {
      queries = scratch.queries(heads * tile.rows * spec.headSize());
      sums = scratch.sums(heads * tile.rows * spec.headSize());
      scores = scratch.scores(heads * tile.rows * tile.span);
      weights = scratch.weights(heads * tile.rows * tile.span);
      chunkElements = kv.bufferElements(Math.min(chunkPositions, tile.span));
      chunks = scratch.chunks(heads * chunkElements);
    }
  }

  private int firstSeen(int position) {
    return Math.max(0, position - window + 1);
  }

  /**
   * The heads that share one key-value head: scores as a tile of queries by keys, softmax over what each may see, then a
   * tile of values. Scores beyond what a query sees count as zero, which changes no bit of a sum.
   */
  private void mixTile(
      float[] q, int qOffset, Tile tile, int kvHead, KvCache.Layer kv, float[] mixed,
      int mixedOffset, Buffers buffers, int place) {
    int headSize = spec.headSize();
    int qSize = spec.heads() * headSize;
    int rows = tile.rows;
    int span = tile.span;
    int vectorsAt = place * rows * headSize;
    int scoresAt = place * rows * span;
    for (int t = 0; t < tile.count; t++) {
      int from = qOffset + t * qSize + kvHead * group * headSize;
      System.arraycopy(q, from, buffers.queries, vectorsAt + t * group * headSize,
          group * headSize);
    }
    int chunkAt = place * buffers.chunkElements;
    for (int from = 0; from < span; from += chunkPositions) {
      int some = Math.min(chunkPositions, span - from);
      int first = tile.firstSeen + from;
      float[] keys = kv.keys(kvHead, first, some, buffers.chunks, chunkAt);
      kernels.dotTile(buffers.queries, vectorsAt, rows, keys, kv.offset(kvHead, first, chunkAt),
          some, buffers.scores, scoresAt + from, span, headSize);
    }
    for (int row = 0; row < rows; row++) {
      weigh(tile, row, buffers, scoresAt);
    }
    Arrays.fill(buffers.sums, vectorsAt, vectorsAt + rows * headSize, 0);
    for (int from = 0; from < span; from += chunkPositions) {
      int some = Math.min(chunkPositions, span - from);
      int first = tile.firstSeen + from;
      float[] values = kv.values(kvHead, first, some, buffers.chunks, chunkAt);
      kernels.axpyTile(values, kv.offset(kvHead, first, chunkAt), some, buffers.weights,
          scoresAt + from * rows, rows, buffers.sums, vectorsAt, rows, headSize);
    }
    for (int t = 0; t < tile.count; t++) {
      int to = mixedOffset + t * qSize + kvHead * group * headSize;
      System.arraycopy(buffers.sums, vectorsAt + t * group * headSize, mixed, to,
          group * headSize);
    }
  }

  /** One query's weights from its scores, laid out for the tile of values. */
  private void weigh(Tile tile, int row, Buffers buffers, int scoresAt) {
    AttentionForm form = spec.attention();
    int position = tile.firstPosition + row / group;
    int from = firstSeen(position) - tile.firstSeen;
    int to = position + 1 - tile.firstSeen;
    float[] scores = buffers.scores;
    int at = scoresAt + row * tile.span;
    float scale = form.scoreScale();
    for (int p = at + from; p < at + to; p++) {
      scores[p] *= scale;
    }
    SoftCap.apply(kernels, form.scoreCap(), scores, at + from, to - from);
    kernels.softmax(scores, at + from, to - from);
    for (int p = 0; p < tile.span; p++) {
      buffers.weights[scoresAt + p * tile.rows + row] = p >= from && p < to ? scores[at + p] : 0;
    }
  }
}
