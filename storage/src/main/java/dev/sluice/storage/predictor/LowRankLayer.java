package dev.sluice.storage.predictor;

import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * One layer of a predictor with two thin matrices: score = B·m(A·((x − centre)·sharpness) + inner offset) + outer offset,
 * where m is the identity or ReLU. Without training a score estimates the pre-activation; of a trained network it is a
 * logit. Either way a neuron is named by its {@link ActivityCuts}. Immutable; its memory lives as long as that of the allocator given.
 *
 * @param middle what stands between the matrices
 * @param centre the inputs' mean, one per input
 * @param sharpness one over the inputs' standard deviation, one per input; 0 where an input never varies
 * @param inward A, rank × hidden, for inputs so standardised
 * @param innerOffsets one per rank
 * @param outward B, neurons × rank
 * @param outerOffsets one per neuron, the layer's bias included
 * @param cuts at the calibrated targets
 * @param recallTarget share of active magnitude that they were calibrated to keep
 */
public record LowRankLayer(
    Middle middle, float[] centre, float[] sharpness, Int8Rows inward, float[] innerOffsets,
    Int8Rows outward, float[] outerOffsets, List<ActivityCuts> cuts, double recallTarget) {

  private static final int MAGIC = 0x4b4e5241; // "ARNK"
  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 7 * 4 + 8;
  private static final int MAX_NEURONS = 1 << 24;

  /** What stands between the two matrices. */
  public enum Middle {
    LINEAR(0),
    RELU(1);

    private final int code;

    Middle(int code) {
      this.code = code;
    }

    private static Middle ofCode(int code) {
      for (Middle middle : values()) {
        if (middle.code == code) {
          return middle;
        }
      }
      throw new IllegalArgumentException("a low-rank layer with unknown middle " + code);
    }
  }

  public LowRankLayer {
    cuts = List.copyOf(cuts);
    if (centre.length != inward.cols() || sharpness.length != inward.cols()
        || innerOffsets.length != inward.rows() || outward.cols() != inward.rows()
        || outerOffsets.length != outward.rows()) {
      throw new IllegalArgumentException("a low-rank layer whose parts do not fit together");
    }
  }

  public int hidden() {
    return inward.cols();
  }

  public int rank() {
    return inward.rows();
  }

  public int neurons() {
    return outward.rows();
  }

  /** Bytes that stay resident: both matrices, what standardises inputs, and one set of cuts with offsets in them. */
  public long residentBytes() {
    int perNeuron = cuts.isEmpty() || cuts.getFirst().dipFrom().length == 0 ? 1 : 3;
    return inward.bytes() + outward.bytes()
        + Float.BYTES * (2L * hidden() + rank() + (long) perNeuron * neurons());
  }

  /**
   * Bytes that one more rank takes in a layer.
   *
   * @param hidden width of the layer's input
   */
  public static long bytesPerRank(int hidden, int neurons) {
    return (long) hidden + neurons + 2 * Float.BYTES;
  }

  /**
   * Cuts at a CETT target, between those of the calibrated targets around it; beyond them, those of the nearest.
   *
   * @throws IllegalArgumentException if nothing was calibrated for the rule
   */
  public ActivityCuts cutsAt(ActiveRule rule, double cett) {
    return ActivityCuts.at(cuts, rule, cett);
  }

  /** The bytes of {@code predictor/NAME/LAYER} in the catalog; little-endian. */
  public byte[] encode() {
    long bytes = HEADER_BYTES + inward.bytes() + outward.bytes()
        + Float.BYTES * (2L * hidden() + rank() + neurons());
    byte[] encodedCuts = ActivityCuts.encode(cuts);
    bytes += encodedCuts.length;
    ByteBuffer out = ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
    out.putInt(MAGIC).putInt(VERSION).putInt(middle.code).putInt(hidden()).putInt(rank());
    out.putInt(neurons()).putInt(cuts.size()).putDouble(recallTarget);
    put(out, centre);
    put(out, sharpness);
    put(out, inward);
    put(out, innerOffsets);
    put(out, outward);
    put(out, outerOffsets);
    return out.put(encodedCuts).array();
  }

  private static void put(ByteBuffer out, float[] values) {
    for (float value : values) {
      out.putFloat(value);
    }
  }

  private static void put(ByteBuffer out, Int8Rows rows) {
    for (int row = 0; row < rows.rows(); row++) {
      out.putFloat(rows.scale(row));
    }
    out.put(rows.codes().asSlice(0, Int8Rows.codeBytes(rows.rows(), rows.cols())).asByteBuffer());
  }

  /**
   * Reads what {@link #encode} wrote; matrices are copied into {@code memory}.
   *
   * @throws IllegalArgumentException if the bytes are not that
   */
  public static LowRankLayer decode(byte[] bytes, SegmentAllocator memory) {
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (in.remaining() < HEADER_BYTES || in.getInt() != MAGIC || in.getInt() != VERSION) {
      throw new IllegalArgumentException("not a low-rank layer of version " + VERSION);
    }
    Middle middle = Middle.ofCode(in.getInt());
    int hidden = in.getInt();
    int rank = in.getInt();
    int neurons = in.getInt();
    int count = in.getInt();
    double recallTarget = in.getDouble();
    if (hidden < 1 || hidden > Int8Rows.MAX_COLS || rank < 1 || rank > Int8Rows.MAX_COLS
        || neurons < 1 || neurons > MAX_NEURONS) {
      throw new IllegalArgumentException("a low-rank layer with impossible counts");
    }
    try {
      float[] centre = floats(in, hidden);
      float[] sharpness = floats(in, hidden);
      Int8Rows inward = rows(in, rank, hidden, memory);
      float[] innerOffsets = floats(in, rank);
      Int8Rows outward = rows(in, neurons, rank, memory);
      float[] outerOffsets = floats(in, neurons);
      List<ActivityCuts> cuts = ActivityCuts.decode(in, count, neurons);
      if (in.hasRemaining()) {
        throw new IllegalArgumentException("a low-rank layer longer than its parts");
      }
      return new LowRankLayer(
          middle, centre, sharpness, inward, innerOffsets, outward, outerOffsets, cuts,
          recallTarget);
    } catch (BufferUnderflowException e) {
      throw new IllegalArgumentException("a low-rank layer that is cut short", e);
    }
  }

  private static Int8Rows rows(ByteBuffer in, int rows, int cols, SegmentAllocator memory) {
    float[] scales = floats(in, rows);
    long bytes = Int8Rows.codeBytes(rows, cols);
    if (bytes > in.remaining()) {
      throw new BufferUnderflowException();
    }
    MemorySegment codes = memory.allocate(bytes, 64);
    MemorySegment.copy(MemorySegment.ofBuffer(in), 0, codes, 0, bytes);
    in.position(Math.toIntExact(in.position() + bytes));
    return new Int8Rows(codes, rows, cols, scales);
  }

  private static float[] floats(ByteBuffer in, int count) {
    float[] result = ActivityCuts.floats(in, count);
    for (float value : result) {
      if (Float.isInfinite(value)) {
        throw new IllegalArgumentException("a low-rank layer with an infinite number");
      }
    }
    return result;
  }
}
