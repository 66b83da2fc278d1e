package dev.sluice.bundler.quant;

import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.tensor.TensorDecoder;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** One layer's bundles in memory, in neuron order, read as float32. Immutable; thread-safe; owns nothing. */
public final class BundleDecoder {
  private final ModelSpec spec;
  private final BundleFormat format;
  private final MemorySegment bundles;
  private final MemorySegment gate; // neurons × row; of length 0 where gate rows are in bundles
  private final float[] scales; // blocks × hidden; empty where columns bring their own
  private final float[] mins; // likewise; empty if all are 0

  /**
   * @param bundles neurons × bundle
   * @param gate resident gate rows, neurons × row; of length 0 where they are in bundles
   * @param scales of columns, blocks × hidden; empty where they bring their own
   * @param mins likewise, or empty
   */
  public BundleDecoder(ModelSpec spec, MemorySegment bundles, MemorySegment gate, float[] scales,
      float[] mins) {
    this.spec = spec;
    this.format = spec.bundle();
    this.bundles = bundles;
    this.gate = gate;
    this.scales = scales;
    this.mins = mins;
  }

  ModelSpec spec() {
    return spec;
  }

  MemorySegment bundles() {
    return bundles;
  }

  MemorySegment gate() {
    return gate;
  }

  /** The row that feeds the activation function: gate when gated, up otherwise. */
  public void inner(int neuron, float[] target, int at) {
    if (spec.hasResidentGate()) {
      TensorDecoder.decode(format.gate(), gate,
          (long) neuron * format.gateBytes(spec.hidden()), target, at, spec.hidden());
    } else {
      row(format.inner(spec.form()), 0, neuron, target, at);
    }
  }

  /** The up row. */
  public void up(int neuron, float[] target, int at) {
    row(format.up(), format.upOffsetBytes(spec.form(), spec.hidden()), neuron, target, at);
  }

  /** All rows that feed the activation, neurons × hidden. */
  public float[] innerRows() {
    return rows(this::inner);
  }

  /** All up rows, neurons × hidden. */
  public float[] upRows() {
    return rows(this::up);
  }

  private interface RowReader {
    void read(int neuron, float[] target, int at);
  }

  private float[] rows(RowReader reader) {
    float[] result = new float[Math.multiplyExact(spec.feedForward(), spec.hidden())];
    for (int i = 0; i < spec.feedForward(); i++) {
      reader.read(i, result, i * spec.hidden());
    }
    return result;
  }

  /** Copies a neuron's bundle. */
  public void copyBundle(int neuron, MemorySegment target) {
    MemorySegment.copy(bundles, (long) neuron * spec.bundleBytes(), target, 0, spec.bundleBytes());
  }

  private void row(TensorType type, int offsetBytes, int neuron, float[] target, int at) {
    TensorDecoder.decode(type, bundles, (long) neuron * spec.bundleBytes() + offsetBytes, target,
        at, spec.hidden());
  }

  /** A column of down. */
  public void down(int neuron, float[] target, int at) {
    int hidden = spec.hidden();
    long from =
        (long) neuron * spec.bundleBytes() + format.downOffsetBytes(spec.form(), hidden);
    if (!format.hasResidentScales()) {
      TensorDecoder.decode(format.down(), bundles, from, target, at, hidden);
      return;
    }
    int block = neuron / format.blockNeurons() * hidden;
    for (int j = 0; j < hidden; j++) {
      float value = scales[block + j] * quant(from, j);
      target[at + j] = mins.length == 0 ? value : value + mins[block + j];
    }
  }

  private int quant(long from, int j) {
    if (format.down() == TensorType.I8) {
      return bundles.get(ValueLayout.JAVA_BYTE, from + j);
    }
    int nibble = bundles.get(ValueLayout.JAVA_BYTE, from + j / 2) >> 4 * (j % 2) & 15;
    return format.down() == TensorType.I4 ? nibble - 8 : nibble;
  }
}
