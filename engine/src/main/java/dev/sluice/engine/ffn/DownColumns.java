package dev.sluice.engine.ffn;

import dev.sluice.engine.kernel.BlockScales;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.model.FfnOutput;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.model.ResidentMatrix;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Optional;

/**
 * How one layer's stored down columns become sums: their type, and the resident scales and minimums of those that have
 * them (see {@link BundleFormat}). Neurons are taken in ascending order, their blocks closed one by one and their groups
 * added one by one, so a block of positions and a single token get the same bits. Immutable; thread-safe; owns nothing.
 */
public final class DownColumns {
  private static final int GROUPS = 16; // at most: more threads would find nothing to do

  private final Kernels kernels;
  private final TensorType type; // as kernels know it
  private final int zero; // what stands for 0 in a column's integers
  private final int hidden;
  private final int blockNeurons; // neurons until scales apply; a group where columns bring their own
  private final int groupNeurons;
  private final Optional<ResidentMatrix> scales;
  private final Optional<ResidentMatrix> mins;
  private final Optional<BlockScales> scalesAlone; // where neither minimums nor a zero go with them
  private final FfnOutput output;

  private DownColumns(Model model, int layer) {
    ModelSpec spec = model.spec();
    BundleFormat format = spec.bundle();
    kernels = model.kernels();
    output = model.ffnOutput(layer);
    type = format.down() == TensorType.I4 ? TensorType.U4 : format.down();
    zero = format.down() == TensorType.I4 ? 8 : 0;
    hidden = spec.hidden();
    String prefix = "layers." + layer + ".ffn.down.";
    if (format.hasResidentScales()) {
      blockNeurons = format.blockNeurons();
      groupNeurons = groupNeurons(spec, blockNeurons);
      int blocks = Math.ceilDiv(spec.feedForward(), blockNeurons);
      scales = Optional.of(model.requiredMatrix(prefix + "scales", blocks, hidden));
      mins = model.matrix(prefix + "mins", blocks, hidden);
      scalesAlone = mins.isPresent() || zero != 0 ? Optional.empty() : scales.map(this::ofBlocks);
    } else {
      groupNeurons = groupNeurons(spec, 1);
      blockNeurons = groupNeurons;
      scales = Optional.empty();
      mins = Optional.empty();
      scalesAlone = Optional.empty();
    }
  }

  private BlockScales ofBlocks(ResidentMatrix scale) {
    return new BlockScales(
        scale.type(), scale.memory(), scale.offsetBytes(), hidden, blockNeurons);
  }

  private static int groupNeurons(ModelSpec spec, int blockNeurons) {
    return Math.ceilDiv(Math.ceilDiv(spec.feedForward(), blockNeurons), GROUPS) * blockNeurons;
  }

  /** The columns of every layer. */
  public static DownColumns[] of(Model model) {
    DownColumns[] layers = new DownColumns[model.spec().layers()];
    for (int layer = 0; layer < layers.length; layer++) {
      layers[layer] = new DownColumns(model, layer);
    }
    return layers;
  }

  /**
   * How many neurons are summed on their own, from 0: whole blocks. The sums of groups are then added in order. So threads
   * can take whole columns, which come from memory faster than parts of them, and bits depend on the layer's shape alone.
   */
  int groupNeurons() {
    return groupNeurons;
  }

  TensorType type() {
    return type;
  }

  /** Whether sums of columns need {@link #close} before they count. */
  boolean isScaled() {
    return scales.isPresent();
  }

  /** Neurons whose columns are summed together before {@link #close}. */
  int blockNeurons() {
    return blockNeurons;
  }

  /** The weights of one column as float32 in natural order: what its integers stand for, rounded once. */
  public void decode(MemorySegment memory, long offsetBytes, int neuron, float[] column) {
    float[] stored = new float[hidden];
    kernels.widen(type, memory, offsetBytes, stored, 0, hidden);
    if (scales.isEmpty()) {
      kernels.restore(type, stored, 0, column, 0, hidden);
      return;
    }
    int block = neuron / blockNeurons;
    shift(1, stored, 0, 0, hidden);
    float[] arranged = new float[hidden];
    if (mins.isPresent()) {
      closeMins(block, 1, arranged, 0, 0, hidden);
    }
    ResidentMatrix scale = scales.get();
    kernels.closeBlock(type, scale.type(), scale.memory(), scale.rowOffsetBytes(block), stored, 0,
        arranged, 0, 0, hidden);
    kernels.restore(type, arranged, 0, column, 0, hidden);
  }

  /**
   * y += h · column for one neuron outside any order.
   *
   * @param y {@code hidden} sums in an order of the type's own
   * @param scratch for {@code hidden} elements
   */
  public void addAlone(MemorySegment memory, long offsetBytes, int neuron, float h, float[] y,
      float[] scratch) {
    if (isScaled()) {
      decode(memory, offsetBytes, neuron, scratch);
      kernels.axpy(h, scratch, 0, y, 0, hidden);
    } else {
      kernels.axpy(type, h, memory, offsetBytes, y, 0, hidden);
    }
  }

  /**
   * Adds h · column of {@code count} neurons of one group.
   *
   * @param neurons ascending; theirs are {@code neurons[first]} and on, as are {@code h} (none of them 0) and {@code
   *     offsetsBytes}, where their columns begin in {@code memory}
   * @param sums scratch for {@code hidden} elements
   * @param y {@code hidden} elements in the type's arranged layout
   */
  void add(
      int first, int count, int[] neurons, float[] h, MemorySegment memory, long[] offsetsBytes,
      float[] sums, float[] y) {
    if (scales.isEmpty()) {
      kernels.axpysAt(type, h, first, memory, offsetsBytes, first, count, y, 0, 0, hidden);
      return;
    }
    if (scalesAlone.isPresent()) {
      kernels.addBlocksAt(type, first, count, neurons, h, memory, offsetsBytes, scalesAlone.get(),
          sums, y, hidden);
      return;
    }
    Arrays.fill(sums, 0, hidden, 0f);
    for (int c = first; c < first + count;) {
      int block = neurons[c] / blockNeurons;
      int end = c + 1;
      float factors = h[c];
      while (end < first + count && neurons[end] / blockNeurons == block) {
        factors += h[end++];
      }
      kernels.axpysAt(type, h, c, memory, offsetsBytes, c, end - c, sums, 0, 0, hidden);
      close(block, factors, sums, 0, y, 0, 0, hidden);
      c = end;
    }
  }

  /**
   * Ends a block: what its columns summed up to counts by the block's scales and minimums.
   *
   * @param factors sum of the block's h
   */
  void close(int block, float factors, float[] sums, int sumsOffset, float[] y, int yOffset,
      int from, int to) {
    shift(factors, sums, sumsOffset, from, to);
    ResidentMatrix scale = scales.orElseThrow();
    kernels.closeBlock(type, scale.type(), scale.memory(), scale.rowOffsetBytes(block), sums,
        sumsOffset, y, yOffset, from, to);
    if (mins.isPresent()) {
      closeMins(block, factors, y, yOffset, from, to);
    }
  }

  /** Takes off what h · zero added to every output. */
  private void shift(float factors, float[] sums, int offset, int from, int to) {
    if (zero != 0) {
      float excess = zero * factors;
      for (int j = offset + from; j < offset + to; j++) {
        sums[j] -= excess;
      }
    }
  }

  private void closeMins(int block, float factors, float[] y, int yOffset, int from, int to) {
    ResidentMatrix min = mins.orElseThrow();
    kernels.addMinimums(type, min.type(), factors, min.memory(), min.rowOffsetBytes(block), y,
        yOffset, from, to);
  }

  /** ‖W_down[:,i]‖ of every neuron, times what the weight of a norm before it makes of it. */
  float[] norms(LayerWeights weights, int neurons) {
    float[] norms = new float[neurons];
    float[] column = new float[hidden];
    for (int i = 0; i < neurons; i++) {
      Arrays.fill(column, 0);
      if (isScaled()) {
        decode(weights.memory(), weights.downOffsetBytes(i), i, column);
      } else {
        // A permutation of the elements would change the sum's bits.
        kernels.widen(type, weights.memory(), weights.downOffsetBytes(i), column, 0, hidden);
      }
      norms[i] =
          Math.abs(output.columnScale(i))
              * (float) Math.sqrt(kernels.sumOfSquares(column, 0, hidden));
    }
    return norms;
  }
}
