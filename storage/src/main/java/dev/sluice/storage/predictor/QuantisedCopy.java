package dev.sluice.storage.predictor;

import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * The quantised-copy predictor as it stands in a store: a low-bit copy of the rows that decide activity, in neuron order,
 * and the margins κ that make it recall enough. A neuron is predicted active when its magnitude could reach the
 * threshold with pre-activations off by κ·σ, where σ = ‖x‖·‖row error‖/√hidden is the error's standard deviation for
 * an unrelated direction x.
 *
 * <p>Planes: ungated models keep up; gated ones keep gate, then up (the gate rule needs only the first). Immutable;
 * its memory lives as long as that of the allocator given to {@link #decode}.
 */
public final class QuantisedCopy {
  private static final int MAGIC = 0x51434f50; // "POCQ"
  private static final int VERSION = 1;
  private static final int MAX_LAYERS = 100_000;
  private static final int MAX_HEAD_BYTES = 1 << 20;
  private static final int MAX_MARGINS = 1_000;

  /**
   * The margins that one rule needs at one CETT target.
   *
   * @param cett the target; 0 for the exact rule
   * @param kappas one per layer, in standard deviations
   */
  public record Margin(ActiveRule rule, double cett, List<Float> kappas) {
    public Margin {
      kappas = List.copyOf(kappas);
    }
  }

  private final Activation activation;
  private final List<List<PackedRows>> planes; // plane, then layer
  private final List<Margin> margins;
  private final double recallTarget;

  /**
   * @param planes one (ungated) or two (gated: gate, up) lists with a matrix for each layer, all of one shape
   * @param recallTarget share of active magnitude that the margins were calibrated to keep
   */
  public QuantisedCopy(
      Activation activation, List<List<PackedRows>> planes, List<Margin> margins,
      double recallTarget) {
    this.activation = activation;
    this.planes = planes.stream().map(List::copyOf).toList();
    this.margins = List.copyOf(margins);
    this.recallTarget = recallTarget;
  }

  public int bits() {
    return planes.getFirst().getFirst().bits();
  }

  public int layers() {
    return planes.getFirst().size();
  }

  public double recallTarget() {
    return recallTarget;
  }

  public List<Margin> margins() {
    return margins;
  }

  /** The plane whose rows feed the activation function: up when ungated, gate when gated. */
  public PackedRows inner(int layer) {
    return planes.getFirst().get(layer);
  }

  /** The second plane of a gated model. */
  public PackedRows up(int layer) {
    return planes.getLast().get(layer);
  }

  /** Planes that a rule needs in memory. */
  public int planesFor(ActiveRule rule) {
    return rule == ActiveRule.GATE ? 1 : planes.size();
  }

  /** Resident bytes when predicting for {@code rule}. */
  public long residentBytes(ActiveRule rule) {
    long bytes = 0;
    for (int plane = 0; plane < planesFor(rule); plane++) {
      for (PackedRows rows : planes.get(plane)) {
        bytes += rows.bytes();
      }
    }
    return bytes;
  }

  /**
   * κ for each layer at a CETT target: of the calibrated targets around it, the larger margin.
   *
   * @throws IllegalArgumentException if nothing was calibrated for the rule
   */
  public float[] kappas(ActiveRule rule, double cett) {
    Margin below = null;
    Margin above = null;
    for (Margin margin : margins) {
      if (margin.rule() == rule) {
        if (margin.cett() <= cett && (below == null || margin.cett() > below.cett())) {
          below = margin;
        }
        if (margin.cett() >= cett && (above == null || margin.cett() < above.cett())) {
          above = margin;
        }
      }
    }
    if (below == null && above == null) {
      throw new IllegalArgumentException("the predictor has no margins for the rule " + rule.key());
    }
    float[] result = new float[layers()];
    for (int layer = 0; layer < result.length; layer++) {
      float low = below == null ? 0 : below.kappas().get(layer);
      float high = above == null ? 0 : above.kappas().get(layer);
      result[layer] = Math.max(low, high);
    }
    return result;
  }

  /**
   * Whether a neuron whose packed rows give {@code inner} and {@code up} could be active.
   *
   * @param up the packed up row's dot product; any value when the model is ungated or the rule is GATE
   * @param innerError κ·σ of the inner plane
   * @param upError κ·σ of the up plane
   * @param columnNorm ‖W_down[:,i]‖
   * @param threshold ε of the layer; ignored by the exact rule
   */
  public boolean mayBeActive(
      ActiveRule rule, float inner, float innerError, float up, float upError, float columnNorm,
      float threshold) {
    float bound = MagnitudeBound.ofActivation(activation, inner - innerError, inner + innerError);
    if (rule == ActiveRule.EXACT) {
      return bound > 0;
    }
    if (rule == ActiveRule.OUTPUT) {
      if (planes.size() == 2) {
        bound *= Math.abs(up) + upError;
      }
      bound *= columnNorm;
    }
    return bound > 0 && bound >= threshold;
  }

  /**
   * A neuron's magnitude, taking the copy at its word.
   *
   * @param up the packed up row's dot product; 1 when the model is ungated
   */
  public float magnitude(float inner, float up, float columnNorm) {
    return MagnitudeBound.ofActivation(activation, inner, inner) * Math.abs(up) * columnNorm;
  }

  /** The bytes of {@code predictor/quantised-BITS} in the catalog; little-endian. */
  public byte[] encode() {
    PackedRows shape = inner(0);
    long bytes = 4L * 8 + 8;
    for (Margin margin : margins) {
      bytes += 4 + 8 + 4L * margin.kappas().size();
    }
    long matrixBytes = shape.bytes();
    bytes += matrixBytes * layers() * planes.size();
    ByteBuffer out = ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
    out.putInt(MAGIC).putInt(VERSION).putInt(shape.bits()).putInt(planes.size()).putInt(layers());
    out.putInt(shape.rows()).putInt(shape.cols()).putInt(margins.size()).putDouble(recallTarget);
    for (Margin margin : margins) {
      out.putInt(margin.rule().code()).putDouble(margin.cett());
      margin.kappas().forEach(out::putFloat);
    }
    for (List<PackedRows> plane : planes) {
      for (PackedRows rows : plane) {
        out.put(rows.memory().asByteBuffer());
      }
    }
    return out.array();
  }

  /** Where the encoded bytes are; matrices are fetched one at a time, so that a large copy is never in memory twice. */
  @FunctionalInterface
  public interface Source {
    /** Fills {@code target} from {@code offsetBytes} on. */
    void read(long offsetBytes, MemorySegment target);
  }

  /** The same over bytes in memory. */
  public static QuantisedCopy decode(byte[] bytes, Activation activation, SegmentAllocator memory) {
    return decode(
        bytes.length,
        (offset, target) -> MemorySegment.copy(MemorySegment.ofArray(bytes), offset, target, 0,
            target.byteSize()),
        activation, memory);
  }

  /**
   * Reads what {@link #encode} wrote; matrices are copied into {@code memory}.
   *
   * @param bytes of all that {@code source} has
   * @throws IllegalArgumentException if the bytes are not that
   */
  public static QuantisedCopy decode(long bytes, Source source, Activation activation,
      SegmentAllocator memory) {
    byte[] head = new byte[(int) Math.min(bytes, MAX_HEAD_BYTES)];
    source.read(0, MemorySegment.ofArray(head));
    ByteBuffer in = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
    if (in.remaining() < 40 || in.getInt() != MAGIC || in.getInt() != VERSION) {
      throw new IllegalArgumentException("not a quantised copy of version " + VERSION);
    }
    int bits = in.getInt();
    int planeCount = in.getInt();
    int layers = in.getInt();
    int rows = in.getInt();
    int cols = in.getInt();
    int marginCount = in.getInt();
    double recallTarget = in.getDouble();
    if (planeCount < 1 || planeCount > 2 || layers < 1 || layers > MAX_LAYERS || rows < 1
        || marginCount < 0
        || marginCount > MAX_MARGINS || (long) marginCount * (12 + 4L * layers) > in.remaining()) {
      throw new IllegalArgumentException("a quantised copy with impossible counts");
    }
    List<Margin> margins = new ArrayList<>();
    for (int i = 0; i < marginCount; i++) {
      ActiveRule rule = ActiveRule.ofCode(in.getInt());
      double cett = in.getDouble();
      List<Float> kappas = new ArrayList<>();
      for (int layer = 0; layer < layers; layer++) {
        kappas.add(in.getFloat());
      }
      margins.add(new Margin(rule, cett, kappas));
    }
    long matrixBytes = (long) rows * PackedRows.rowBytes(cols, bits);
    if (matrixBytes > Integer.MAX_VALUE
        || matrixBytes * layers * planeCount != bytes - in.position()) {
      throw new IllegalArgumentException("a quantised copy whose matrices do not fill it");
    }
    List<List<PackedRows>> planes = new ArrayList<>();
    long at = in.position();
    for (int plane = 0; plane < planeCount; plane++) {
      List<PackedRows> matrices = new ArrayList<>();
      for (int layer = 0; layer < layers; layer++) {
        MemorySegment matrix = memory.allocate(matrixBytes, 64);
        source.read(at, matrix);
        at += matrixBytes;
        matrices.add(new PackedRows(matrix, rows, cols, bits));
      }
      planes.add(matrices);
    }
    return new QuantisedCopy(activation, planes, margins, recallTarget);
  }
}
