package dev.sluice.bench.synth;

import dev.sluice.bench.compare.Progress;
import dev.sluice.bench.synth.GgufHeader.Tensor;
import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs the first layers of a written model, in float32 from the weights in its file, and notes which neurons fire. The
 * model's reference and not an engine: dense, layer by layer, all sequences at once.
 */
final class PlantedForward implements AutoCloseable {
  /** Rows that are widened and multiplied at a time: short enough for the cache. */
  private static final int TILE_ROWS = 16;

  /** Tokens that go through an FFN at a time: bounds the memory of its inner values. */
  private static final int BLOCK_TOKENS = 256;

  private static final float NORM_EPSILON = 1e-5f;

  private final ModelShape shape;
  private final Kernels kernels = Kernels.best();
  private final Workers workers;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment file;
  private final Map<String, Tensor> tensors = new HashMap<>();
  private final Map<String, Long> offsets = new HashMap<>();

  /**
   * Maps the file.
   *
   * @throws BadInputException if it is not this model's
   */
  PlantedForward(Path gguf, SyntheticModel model, Workers workers) {
    this.shape = model.shape();
    this.workers = workers;
    GgufHeader header = model.header();
    byte[] head = header.encode();
    long length = head.length + header.weightBytes();
    try (FileChannel channel = FileChannel.open(gguf)) {
      if (channel.size() != length) {
        throw otherModel(gguf);
      }
      file = channel.map(FileChannel.MapMode.READ_ONLY, 0, length, arena);
    } catch (IOException e) {
      arena.close();
      throw new FaultException(gguf, "cannot be read (" + FaultException.reason(e) + ")",
          "check the path and its permissions", e);
    } catch (BadInputException e) {
      arena.close();
      throw e;
    }
    if (file.asSlice(0, head.length).mismatch(MemorySegment.ofArray(head)) >= 0) {
      arena.close();
      throw otherModel(gguf);
    }
    long offset = head.length;
    for (Tensor tensor : header.tensors()) {
      tensors.put(tensor.name(), tensor);
      offsets.put(tensor.name(), offset);
      offset += GgufHeader.aligned(tensor.bytes());
    }
  }

  private static BadInputException otherModel(Path gguf) {
    return new BadInputException(gguf, "was not written with these options",
        "give the same ones, or --force to write it again");
  }

  /**
   * Which neurons fire, layer by layer, over sequences laid end to end.
   *
   * @param sequences of equal length, none sees another
   * @param layers to run, from the first on
   */
  List<Activity> run(int[][] sequences, int layers, Progress progress) {
    int length = sequences[0].length;
    int tokens = sequences.length * length;
    int hidden = shape.hidden();
    float[] x = new float[tokens * hidden];
    for (int t = 0; t < tokens; t++) {
      embed(sequences[t / length][t % length], x, t * hidden);
    }
    List<Activity> activities = new ArrayList<>();
    long steps = (long) layers * tokens;
    for (int layer = 0; layer < layers; layer++) {
      String block = "blk." + layer + ".";
      for (int s = 0; s < sequences.length; s++) {
        attend(block, x, s * length * hidden, length);
        progress.report("measuring", (long) layer * tokens + (s + 1L) * length / 4, steps);
      }
      int words = (shape.feedForward() + 63) >>> 6;
      long[] rows = new long[tokens * words];
      for (int begin = 0; begin < tokens; begin += BLOCK_TOKENS) {
        int count = Math.min(BLOCK_TOKENS, tokens - begin);
        feedForward(block, x, begin, count, rows);
        progress.report(
            "measuring", (long) layer * tokens + tokens / 4 + (begin + count) * 3L / 4, steps);
      }
      activities.add(Activity.of(tokens, shape.feedForward(), rows));
    }
    return activities;
  }

  private void embed(int token, float[] x, int offset) {
    Tensor tensor = tensors.get("token_embd.weight");
    Q8Rows.decode(file, offsets.get(tensor.name()) + token * tensor.rowBytes(), x, offset,
        shape.hidden());
  }

  private void attend(String block, float[] x, int offset, int length) {
    int hidden = shape.hidden();
    int head = shape.headElements();
    int width = shape.attentionElements();
    float[] normed = normed(x, offset, length);
    float[] q = transposed(product(block + "attn_q.weight", normed, length), length);
    float[] k = transposed(product(block + "attn_k.weight", normed, length), length);
    float[] v = transposed(product(block + "attn_v.weight", normed, length), length);
    rotate(q, width, length);
    rotate(k, shape.keyValueElements(), length);
    float[] mixed = new float[length * width];
    int queriesPerKey = shape.heads() / shape.keyValueHeads();
    float scale = (float) (1 / Math.sqrt(head));
    workers.parallelFor(
        shape.heads(),
        h -> {
          float[] scores = new float[length];
          int kv = shape.keyValueElements();
          int keyHead = h / queriesPerKey * head;
          for (int t = 0; t < length; t++) {
            for (int s = 0; s <= t; s++) {
              scores[s] =
                  scale * kernels.dot(q, t * width + h * head, k, s * kv + keyHead, head);
            }
            kernels.softmax(scores, 0, t + 1);
            for (int s = 0; s <= t; s++) {
              kernels.axpy(scores[s], v, s * kv + keyHead, mixed, t * width + h * head, head);
            }
          }
        });
    float[] added = transposed(product(block + "attn_output.weight", mixed, length), length);
    for (int i = 0; i < length * hidden; i++) {
      x[offset + i] += added[i];
    }
  }

  /** Turns neighbouring elements of each head, the pairs that GGUF files of these architectures have. */
  private void rotate(float[] values, int width, int length) {
    int head = shape.headElements();
    for (int t = 0; t < length; t++) {
      for (int j = 0; j < head; j += 2) {
        double angle = t * Math.pow(10_000, -(double) j / head);
        float cos = (float) Math.cos(angle);
        float sin = (float) Math.sin(angle);
        for (int at = t * width + j; at < (t + 1) * width; at += head) {
          float a = values[at];
          float b = values[at + 1];
          values[at] = a * cos - b * sin;
          values[at + 1] = a * sin + b * cos;
        }
      }
    }
  }

  private void feedForward(String block, float[] x, int begin, int count, long[] rows) {
    int hidden = shape.hidden();
    int neurons = shape.feedForward();
    int words = (neurons + 63) >>> 6;
    float[] normed = normed(x, begin * hidden, count);
    float[] inner =
        switch (shape.ffn()) {
          case RELU2 -> product(block + "ffn_up.weight", normed, count);
          case SWIGLU -> product(block + "ffn_gate.weight", normed, count);
        };
    for (int i = 0; i < neurons; i++) {
      for (int t = 0; t < count; t++) {
        if (inner[i * count + t] > 0) {
          rows[(begin + t) * words + (i >>> 6)] |= 1L << i;
        }
      }
    }
    switch (shape.ffn()) {
      case RELU2 -> {
        for (int i = 0; i < inner.length; i++) {
          float positive = Math.max(0, inner[i]);
          inner[i] = positive * positive;
        }
      }
      case SWIGLU -> {
        float[] up = product(block + "ffn_up.weight", normed, count);
        for (int i = 0; i < inner.length; i++) {
          inner[i] *= up[i] / (float) (1 + Math.exp(-inner[i]));
        }
      }
    }
    float[] added =
        transposed(product(block + "ffn_down.weight", transposed(inner, count), count), count);
    for (int i = 0; i < count * hidden; i++) {
      x[begin * hidden + i] += added[i];
    }
  }

  private float[] normed(float[] x, int offset, int count) {
    int hidden = shape.hidden();
    float[] normed = new float[count * hidden];
    for (int t = 0; t < count; t++) {
      int from = offset + t * hidden;
      double square = kernels.sumOfSquares(x, from, hidden);
      float factor = (float) (1 / Math.sqrt(square / hidden + NORM_EPSILON));
      for (int j = 0; j < hidden; j++) {
        normed[t * hidden + j] = x[from + j] * factor;
      }
    }
    return normed;
  }

  /** A matrix times {@code count} vectors; all products of its first row come first. */
  private float[] product(String name, float[] vectors, int count) {
    Tensor tensor = tensors.get(name);
    int n = tensor.rowElements();
    float[] out = new float[tensor.rows() * count];
    workers.parallelFor(
        Math.ceilDiv(tensor.rows(), TILE_ROWS),
        tile -> {
          int first = tile * TILE_ROWS;
          int rows = Math.min(TILE_ROWS, tensor.rows() - first);
          float[] widened = new float[rows * n];
          Q8Rows.decode(
              file, offsets.get(name) + first * tensor.rowBytes(), widened, 0, rows * n);
          kernels.dotTile(widened, 0, rows, vectors, 0, count, out, first * count, count, n);
        });
    return out;
  }

  /** From rows of {@code count} to {@code count} rows. */
  private static float[] transposed(float[] values, int count) {
    int n = values.length / count;
    float[] turned = new float[values.length];
    for (int i = 0; i < n; i++) {
      for (int t = 0; t < count; t++) {
        turned[t * n + i] = values[i * count + t];
      }
    }
    return turned;
  }

  @Override
  public void close() {
    arena.close();
  }
}
