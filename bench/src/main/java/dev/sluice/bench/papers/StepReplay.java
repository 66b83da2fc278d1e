package dev.sluice.bench.papers;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.plan.DeviceModel;
import dev.sluice.storage.plan.DeviceModel.Sample;
import dev.sluice.storage.plan.ReadPlanner;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * What the steps of LLM in a flash (arXiv 2312.11514) ask of a flash device, counted with the product's planner for a model's shape
 * and for lists of active sets; nothing is read. Bytes are of matrices alone: biases and norms are a thousandth.
 */
record StepReplay(Geometry geometry, int mostRequestBytes) {
  private static final int PAGE_BYTES = 4096;
  private static final long STAGING_BYTES = 16L << 20;

  /**
   * A decoder without gates whose head is its embedding.
   *
   * @param positions that have an embedding of their own
   */
  record Geometry(int layers, int hidden, int neurons, int vocabulary, int positions,
      int elementBytes) {
    /** As its paper has it (arXiv 2205.01068), in float16. */
    static final Geometry OPT_6_7B = new Geometry(32, 4096, 16_384, 50_272, 2_050, 2);

    long attentionBytes() {
      return 4L * hidden * hidden * elementBytes * layers;
    }

    long ffnBytes() {
      return 2L * hidden * neurons * elementBytes * layers;
    }

    long embeddingBytes() {
      return (long) hidden * (vocabulary + positions) * elementBytes;
    }

    long bytes() {
      return attentionBytes() + ffnBytes() + embeddingBytes();
    }

    /** Of an up row or a down column. */
    int rowBytes() {
      return hidden * elementBytes;
    }
  }

  /** What the paper gives of a step: milliseconds of I/O for a token of OPT-6.7B on an M1 Max, half of the model in RAM. */
  enum Step {
    NAIVE("every weight for every token", 2196),
    HYBRID("half of the model stays", 1090),
    PREDICTOR("predicted neurons, rows and columns apart", 738),
    WINDOW("those of the last five tokens stay", 164),
    BUNDLING("row and column side by side", 87),
    /** Not a step of the paper: what the product does with the same bundles. */
    MERGING("neighbours joined, as Sluice does", Double.NaN);

    private final String does;
    private final double publishedMillis;

    Step(String does, double publishedMillis) {
      this.does = does;
      this.publishedMillis = publishedMillis;
    }

    String does() {
      return does;
    }

    double publishedMillis() {
      return publishedMillis;
    }
  }

  /**
   * The paper's flash as its table of these steps has it: 6.1 GB/s for large reads, 1.25 for 8 KiB (a row or column) and 2.25 for
   * 16 KiB (both).
   */
  static DeviceModel paperFlash() {
    return DeviceModel.fit(List.of(sample(8 << 10, 1.25e9), sample(16 << 10, 2.25e9),
        sample(1 << 20, 6.1e9)));
  }

  private static Sample sample(int bytes, double bytesPerSecond) {
    return new Sample(bytes, bytes / bytesPerSecond * 1e6);
  }

  /** Mean over tokens. */
  record Reads(double bytes, double requests) {
    double millis(DeviceModel device) {
      return device.millis(requests, bytes);
    }
  }

  /**
   * What a step reads for a token.
   *
   * @param layers active sets, one for each of the geometry's layers
   * @param windowTokens of {@link Step#WINDOW} and those after it
   * @param gapBytes over which {@link Step#MERGING} joins
   * @param from the first token that counts; those before fill the window
   */
  Reads of(Step step, List<Activity> layers, int windowTokens, int gapBytes, int from) {
    return switch (step) {
      case NAIVE -> inOnePiece(geometry.bytes());
      case HYBRID -> inOnePiece(geometry.bytes() / 2);
      case PREDICTOR -> neurons(layers, 0, Layout.APART, -1, from);
      case WINDOW -> neurons(layers, windowTokens, Layout.APART, -1, from);
      case BUNDLING -> neurons(layers, windowTokens, Layout.BUNDLED, -1, from);
      case MERGING -> neurons(layers, windowTokens, Layout.BUNDLED, gapBytes, from);
    };
  }

  private Reads inOnePiece(long bytes) {
    return new Reads(bytes, Math.ceilDiv(bytes, (long) mostRequestBytes));
  }

  private enum Layout {
    APART,
    BUNDLED
  }

  private Reads neurons(List<Activity> layers, int windowTokens, Layout layout, int gapBytes,
      int from) {
    ReadPlanner planner =
        new ReadPlanner(new ReadPlanner.Limits(PAGE_BYTES, gapBytes, mostRequestBytes));
    double bytes = 0;
    double requests = 0;
    int tokens = layers.getFirst().tokens() - from;
    try (Arena arena = Arena.ofConfined()) {
      ReadBatch batch = new ReadBatch(arena.allocate(STAGING_BYTES, PAGE_BYTES));
      for (Activity layer : layers) {
        for (int token = from; token < from + tokens; token++) {
          want(planner, MissReplay.missing(layer, windowTokens, token), layout);
          while (planner.fill(batch)) {
            requests += batch.size();
            for (int i = 0; i < batch.size(); i++) {
              bytes += batch.lengthBytes(i);
            }
          }
        }
      }
    }
    return new Reads(bytes / tokens, requests / tokens);
  }

  /** Neurons lie in the order of the checkpoint; all up rows before all down columns, or each row before its column. */
  private void want(ReadPlanner planner, long[] wanted, Layout layout) {
    planner.clear();
    int row = geometry.rowBytes();
    int regions = layout == Layout.APART ? 2 : 1;
    int stride = layout == Layout.APART ? row : 2 * row;
    for (int region = 0; region < regions; region++) {
      for (int i = 0; i < geometry.neurons(); i++) {
        if ((wanted[i >>> 6] >>> i & 1) != 0) {
          planner.want(((long) region * geometry.neurons() + i) * stride, stride);
        }
      }
    }
  }
}
