package dev.sluice.storage.predictor;

import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

/**
 * One layer of a cascade: a low-rank estimate whose cuts rule most neurons out, and for the others a low-bit row, whose
 * product with the input is mixed with the estimate: score = estimate + weight·(product + offset − estimate). What one
 * lost the other often has, so the mixture errs less than either. Immutable; its memory lives as long as that of the allocator given.
 *
 * @param first estimates, and the cuts below which nothing is looked at again
 * @param copy the rows that feed the activation function
 * @param offsets one per neuron, the layer's bias included
 * @param weights one per neuron
 * @param cuts of the mixed score, at the same targets as the first's
 */
public record CascadeLayer(LowRankLayer first, PackedRows copy, float[] offsets, float[] weights,
    List<ActivityCuts> cuts) {
  private static final int MAGIC = 0x44435343; // "CSCD"
  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 5 * 4;

  public CascadeLayer {
    cuts = List.copyOf(cuts);
    if (copy.rows() != first.neurons() || copy.cols() != first.hidden()
        || offsets.length != first.neurons() || weights.length != first.neurons()) {
      throw new IllegalArgumentException("a cascade whose parts do not fit together");
    }
  }

  /** Bytes that stay resident: of the first, the copy, what mixes them and one more set of cuts. */
  public long residentBytes() {
    long perNeuron = 3L + (cuts.isEmpty() || cuts.getFirst().dipFrom().length == 0 ? 1 : 3);
    return first.residentBytes() + copy.bytes() + Float.BYTES * perNeuron * first.neurons();
  }

  /**
   * Cuts of the mixed score, chosen as {@link LowRankLayer#cutsAt} chooses those of the first.
   *
   * @throws IllegalArgumentException if nothing was calibrated for the rule
   */
  public ActivityCuts cutsAt(ActiveRule rule, double cett) {
    return ActivityCuts.at(cuts, rule, cett);
  }

  /** The bytes of {@code predictor/cascade-RANK-BITS/LAYER} in the catalog; little-endian. */
  public byte[] encode() {
    byte[] low = first.encode();
    byte[] mixed = ActivityCuts.encode(cuts);
    ByteBuffer out = ByteBuffer
        .allocate(Math.toIntExact(HEADER_BYTES + low.length + copy.bytes()
            + 2L * Float.BYTES * weights.length + mixed.length))
        .order(ByteOrder.LITTLE_ENDIAN);
    out.putInt(MAGIC).putInt(VERSION).putInt(copy.bits()).putInt(cuts.size()).putInt(low.length);
    out.put(low).put(copy.memory().asByteBuffer());
    for (float value : offsets) {
      out.putFloat(value);
    }
    for (float value : weights) {
      out.putFloat(value);
    }
    return out.put(mixed).array();
  }

  /**
   * Reads what {@link #encode} wrote; matrices are copied into {@code memory}.
   *
   * @throws IllegalArgumentException if the bytes are not that
   */
  public static CascadeLayer decode(byte[] bytes, SegmentAllocator memory) {
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (in.remaining() < HEADER_BYTES || in.getInt() != MAGIC || in.getInt() != VERSION) {
      throw new IllegalArgumentException("not a cascade of version " + VERSION);
    }
    int bits = in.getInt();
    int count = in.getInt();
    int lowBytes = in.getInt();
    if (lowBytes < 0 || lowBytes > in.remaining()) {
      throw new IllegalArgumentException("a cascade that is cut short");
    }
    LowRankLayer first = LowRankLayer.decode(
        Arrays.copyOfRange(bytes, in.position(), in.position() + lowBytes), memory);
    in.position(in.position() + lowBytes);
    int neurons = first.neurons();
    long copyBytes = (long) neurons * PackedRows.rowBytes(first.hidden(), bits);
    if (copyBytes + 2L * Float.BYTES * neurons > in.remaining()) {
      throw new IllegalArgumentException("a cascade that is cut short");
    }
    MemorySegment matrix = memory.allocate(copyBytes, 64);
    MemorySegment.copy(MemorySegment.ofBuffer(in), 0, matrix, 0, copyBytes);
    in.position(Math.toIntExact(in.position() + copyBytes));
    float[] offsets = floats(in, neurons);
    float[] weights = floats(in, neurons);
    try {
      List<ActivityCuts> cuts = ActivityCuts.decode(in, count, neurons);
      if (in.hasRemaining()) {
        throw new IllegalArgumentException("a cascade longer than its parts");
      }
      return new CascadeLayer(first, new PackedRows(matrix, neurons, first.hidden(), bits), offsets,
          weights, cuts);
    } catch (BufferUnderflowException e) {
      throw new IllegalArgumentException("a cascade that is cut short", e);
    }
  }

  private static float[] floats(ByteBuffer in, int count) {
    float[] result = new float[count];
    for (int i = 0; i < count; i++) {
      result[i] = in.getFloat();
      if (!Float.isFinite(result[i])) {
        throw new IllegalArgumentException("a cascade with a number that is none");
      }
    }
    return result;
  }
}
