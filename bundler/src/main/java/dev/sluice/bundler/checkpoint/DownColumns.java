package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.checkpoint.FfnWeights.ColumnScales;
import dev.sluice.bundler.checkpoint.FfnWeights.Rows;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.tensor.ScaledBlocks;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Turns a quantised down matrix [hidden, neurons] into columns of integers and resident scales, see {@link BundleFormat}:
 * lossless, for the integers are those of the blocks, shifted to begin at 0 where they become nibbles, and scales and
 * minimums are exact. Works in tiles of {@value #TILE_OUTPUTS} outputs by {@value #TILE_NEURONS} neurons, whose rows are
 * copied first: a whole stretch of a row at once, for rows lie far apart and each visit waits for memory.
 */
final class DownColumns {
  private static final int TILE_OUTPUTS = 256;
  private static final int TILE_NEURONS = 256; // whole blocks of every type
  private static final int HALVES_AT_A_TIME = 1 << 13;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle SHORTS =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Turned: the columns, and the dense tensors that go with them. */
  record Turned(Rows columns, List<ColumnScales> scales) {}

  private final TensorType source;
  private final int hidden;
  private final int neurons;
  private final BundleFormat format;
  private final int offset; // added to every integer
  private final float[] scales; // [neurons / blockNeurons, hidden]
  private final float[] mins; // likewise; empty if all are 0

  private DownColumns(TensorType source, int hidden, int neurons, BundleFormat format) {
    this.source = source;
    this.hidden = hidden;
    this.neurons = neurons;
    this.format = format;
    this.offset = format.down() == TensorType.U4 ? -ScaledBlocks.leastQuant(source) : 0;
    this.scales =
        new float[Math.multiplyExact(Math.ceilDiv(neurons, format.blockNeurons()), hidden)];
    this.mins =
        new float[ScaledBlocks.hasMinimums(source) || offset != 0 ? scales.length : 0];
  }

  /**
   * @param down rows of blocks of {@code source}
   * @param format whose columns hold integers
   * @param layer for the names of the scales
   * @param columns gets the columns, one neuron after another
   */
  static Turned turn(TensorType source, MemorySegment down, int hidden, int neurons,
      BundleFormat format, int layer, MemorySegment columns, SegmentAllocator memory) {
    DownColumns work = new DownColumns(source, hidden, neurons, format);
    for (int output = 0; output < hidden; output += TILE_OUTPUTS) {
      work.turnTiles(down, output, Math.min(TILE_OUTPUTS, hidden - output), columns);
    }
    String name = "layers." + layer + ".ffn.down.";
    boolean halves = work.fitHalves();
    List<ColumnScales> resident = new ArrayList<>();
    resident.add(work.resident(name + "scales", work.scales, halves, memory));
    if (work.mins.length > 0) {
      resident.add(work.resident(name + "mins", work.mins, halves, memory));
    }
    return new Turned(new Rows(columns, format.downBytes(hidden)), resident);
  }

  private void turnTiles(MemorySegment down, int firstOutput, int outputs, MemorySegment columns) {
    byte[] rows = new byte[outputs * (int) source.bytes(TILE_NEURONS)];
    Block block = new Block(outputs);
    long rowBytes = source.bytes(neurons);
    int blockElements = source.blockElements();
    for (int tile = 0; tile < neurons; tile += TILE_NEURONS) {
      int tileNeurons = Math.min(TILE_NEURONS, neurons - tile);
      int stretchBytes = (int) source.bytes(tileNeurons);
      for (int j = 0; j < outputs; j++) {
        MemorySegment.copy(down, ValueLayout.JAVA_BYTE,
            (firstOutput + j) * rowBytes + source.bytes(tile), rows, j * stretchBytes,
            stretchBytes);
      }
      for (int first = 0; first < tileNeurons; first += blockElements) {
        block.turn(rows, (int) source.bytes(first), stretchBytes);
        keepScales(firstOutput, outputs, tile + first, block.scales, block.mins);
        block.copyTo(columns, tile + first, firstOutput);
      }
    }
  }

  /** One block of each of some outputs: that many neurons. */
  private final class Block {
    private final int outputs;
    private final int groups = source.blockElements() / ScaledBlocks.groupElements(source);
    private final byte[] quants; // [outputs, neurons]
    private final byte[] turned; // [neurons, outputs]
    private final float[] scales; // [outputs, groups]
    private final float[] mins; // likewise

    Block(int outputs) {
      this.outputs = outputs;
      this.quants = new byte[outputs * source.blockElements()];
      this.turned = new byte[quants.length];
      this.scales = new float[outputs * groups];
      this.mins = new float[outputs * groups];
    }

    /**
     * @param at where the first output's block begins
     * @param stride bytes from one output's block to the next one's
     */
    void turn(byte[] rows, int at, int stride) {
      int neurons = source.blockElements();
      if (source == TensorType.Q8_0) { // integers that lie in order need not be taken out first
        for (int j = 0; j < outputs; j++) {
          scales[j] = Float.float16ToFloat((short) SHORTS.get(rows, at + j * stride));
        }
        ByteTransposition.transpose(rows, at + Short.BYTES, stride, outputs, neurons, turned);
        return;
      }
      MemorySegment blocks = MemorySegment.ofArray(rows);
      for (int j = 0; j < outputs; j++) {
        ScaledBlocks.unpack(
            source, blocks, at + j * stride, quants, j * neurons, scales, mins, j * groups);
      }
      ByteTransposition.transpose(quants, 0, neurons, outputs, neurons, turned);
      if (format.down() == TensorType.U4) {
        packNibbles(turned);
      }
    }

    void copyTo(MemorySegment columns, int firstNeuron, int firstOutput) {
      long columnBytes = format.downBytes(hidden);
      int partBytes = (int) format.down().bytes(outputs);
      long at = firstNeuron * columnBytes + format.down().bytes(firstOutput);
      for (int i = 0; i < source.blockElements(); i++) {
        MemorySegment.copy(turned, i * partBytes, columns, ValueLayout.JAVA_BYTE,
            at + i * columnBytes, partBytes);
      }
    }
  }

  /** Two outputs become one byte, the even one its low half; the result fills the first half of {@code turned}. */
  private void packNibbles(byte[] turned) {
    for (int b = 0; b < turned.length / 2; b++) {
      turned[b] = (byte) (turned[2 * b] + offset | turned[2 * b + 1] + offset << 4);
    }
  }

  /** A group of the source may be several blocks of the format, which then repeat its scale. */
  private void keepScales(int firstOutput, int outputs, int firstNeuron, float[] blockScales,
      float[] blockMins) {
    int groupElements = ScaledBlocks.groupElements(source);
    int groups = source.blockElements() / groupElements;
    int kept = source.blockElements() / format.blockNeurons();
    for (int k = 0; k < kept; k++) {
      int row = (firstNeuron / format.blockNeurons() + k) * hidden + firstOutput;
      int group = k * format.blockNeurons() / groupElements;
      for (int j = 0; j < outputs; j++) {
        float scale = blockScales[j * groups + group];
        scales[row + j] = scale;
        if (mins.length > 0) {
          float min = ScaledBlocks.hasMinimums(source) ? blockMins[j * groups + group] : 0;
          mins[row + j] = min - offset * scale;
        }
      }
    }
  }

  /** Where the blocks' own scales are halves, they stay so, unless a minimum made of one is too large. */
  private boolean fitHalves() {
    return switch (source) {
      case Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL -> areHalves(scales) && areHalves(mins);
      default -> false;
    };
  }

  private static boolean areHalves(float[] values) {
    for (float value : values) {
      if (Float.float16ToFloat(Float.floatToFloat16(value)) != value) {
        return false;
      }
    }
    return true;
  }

  /** In arrays: a loop of stores to native memory that differs from call to call was compiled a dozen times in one import. */
  private static void toHalves(float[] values, int first, int count, short[] halves) {
    for (int i = 0; i < count; i++) {
      halves[i] = Float.floatToFloat16(values[first + i]);
    }
  }

  private ColumnScales resident(String name, float[] values, boolean halves,
      SegmentAllocator memory) {
    TensorType type = halves ? TensorType.F16 : TensorType.F32;
    MemorySegment data = WeightMemory.allocate(memory, type.bytes(values.length), name);
    if (halves) {
      short[] some = new short[HALVES_AT_A_TIME];
      for (int first = 0; first < values.length; first += some.length) {
        int count = Math.min(some.length, values.length - first);
        toHalves(values, first, count, some);
        MemorySegment.copy(some, 0, data, SHORT, (long) Short.BYTES * first, count);
      }
    } else {
      MemorySegment.copy(values, 0, data, FLOAT, 0, values.length);
    }
    return new ColumnScales(name, type, List.of(values.length / hidden, hidden), data);
  }
}
