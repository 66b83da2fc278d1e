package dev.sluice.engine.ffn;

import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.FfnLayout.Part;
import dev.sluice.storage.store.ModelSpec;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** One layer's FFN weights in memory, addressed by neuron whatever their order and arrangement on disk. */
public final class LayerWeights {
  private final int layer;
  private final MemorySegment memory;
  private final int[] positionOf;
  private final long[] rowBaseBytes; // inner row, up row (the same when ungated), down column: where position 0 has it
  private final int[] rowStrideBytes;

  /**
   * @param parts where the parts of bundle 0 begin in {@code memory} and how far apart bundles are
   * @param positionOf neuron -> disk position
   */
  LayerWeights(ModelSpec spec, int layer, MemorySegment memory, List<Part> parts, long[] partBases,
      int[] positionOf) {
    this.layer = layer;
    this.memory = memory;
    this.positionOf = positionOf;
    BundleFormat format = spec.bundle();
    int[] starts = {
      0, format.upOffsetBytes(spec.form(), spec.hidden()),
      format.downOffsetBytes(spec.form(), spec.hidden())
    };
    rowBaseBytes = new long[starts.length];
    rowStrideBytes = new int[starts.length];
    for (int row = 0; row < starts.length; row++) {
      int at = starts[row];
      for (int k = 0; k < parts.size(); k++) {
        Part part = parts.get(k);
        if (at >= part.offsetInBundleBytes() && at < part.offsetInBundleBytes() + part.bytes()) {
          rowBaseBytes[row] = partBases[k] + at - part.offsetInBundleBytes();
          rowStrideBytes[row] = part.strideBytes();
        }
      }
    }
  }

  /** Bundles side by side without padding, bundle 0 at the start of {@code memory}. */
  static LayerWeights packed(ModelSpec spec, int layer, MemorySegment memory, int[] positionOf) {
    int bundleBytes = spec.bundleBytes();
    List<Part> parts = List.of(new Part(0, bundleBytes, bundleBytes, 0));
    return new LayerWeights(spec, layer, memory, parts, new long[] {0}, positionOf);
  }

  public int layer() {
    return layer;
  }

  public MemorySegment memory() {
    return memory;
  }

  /**
   * Where a neuron's row into the activation function begins: gate when gated, up otherwise. Resident gate rows are not
   * here.
   */
  public long innerOffsetBytes(int neuron) {
    return rowOffsetBytes(0, neuron);
  }

  /** Where a neuron's up row begins. */
  public long upOffsetBytes(int neuron) {
    return rowOffsetBytes(1, neuron);
  }

  /** Where a neuron's down column begins. */
  public long downOffsetBytes(int neuron) {
    return rowOffsetBytes(2, neuron);
  }

  private long rowOffsetBytes(int row, int neuron) {
    return rowBaseBytes[row] + (long) positionOf[neuron] * rowStrideBytes[row];
  }
}
