package dev.sluice.bundler.quant;

import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * Encodes one layer's bundles anew, on all cores, in blocks of neurons: beside the layer before and after it, a few blocks
 * as float32 are in memory. Immutable; thread-safe.
 */
public final class LayerRequantisation {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int ROW_BLOCK_NEURONS = 64;

  private final Requantisation choice;
  private final ModelSpec from;
  private final ModelSpec to;

  public LayerRequantisation(Requantisation choice, ModelSpec from) {
    this.choice = choice;
    this.from = from;
    this.to = choice.applyTo(from);
  }

  /**
   * A layer encoded anew. Errors are root mean squares over those of the weights.
   *
   * @param bundles in neuron order
   * @param gate resident gate rows in neuron order; of length 0 where they are in bundles
   * @param scales float16, blocks × hidden; of length 0 where columns stay as they were
   * @param mins likewise; of length 0 where there are none
   */
  public record Encoded(
      MemorySegment bundles, MemorySegment gate, MemorySegment scales, MemorySegment mins,
      BundleDecoder decoder,
      OptionalDouble gateError, OptionalDouble upError, OptionalDouble downError) {
    /**
     * Relative error of the FFN's output, see {@link OutputError}.
     *
     * @param innerBias one per neuron, or empty
     * @param upBias one per neuron when gated, or empty
     * @param inputs positions × hidden, at least one
     */
    public double outputError(BundleDecoder before, float[] innerBias, float[] upBias,
        float[] inputs) {
      return new OutputError(before, decoder, innerBias, upBias, inputs).relative();
    }
  }

  /** The model with its bundles as they become. */
  public ModelSpec spec() {
    return to;
  }

  /** Positions that {@link Encoded#outputError} looks at, at most. */
  public static int outputPositions() {
    return OutputError.POSITIONS;
  }

  /**
   * Encodes a layer.
   *
   * @param scales of the columns as they are, blocks × hidden; empty where they bring their own
   * @param mins likewise, or empty
   * @param arena for the result
   */
  public Encoded encode(BundleDecoder source, float[] scales, float[] mins, Arena arena) {
    MemorySegment bundles =
        arena.allocate((long) to.feedForward() * to.bundleBytes(), Long.BYTES);
    BundleFormat old = from.bundle();
    BundleFormat format = to.bundle();
    int hidden = from.hidden();
    OptionalDouble gateError = OptionalDouble.empty();
    MemorySegment gate = MemorySegment.NULL;
    if (from.form() == FfnForm.GATED) {
      Place oldGate =
          from.hasResidentGate()
              ? new Place(source.gate(), old.gateBytes(hidden), 0)
              : new Place(source.bundles(), from.bundleBytes(), 0);
      Place newGate = new Place(bundles, to.bundleBytes(), 0);
      if (to.hasResidentGate()) {
        gate = arena.allocate((long) to.feedForward() * format.gateBytes(hidden), Long.BYTES);
        newGate = new Place(gate, format.gateBytes(hidden), 0);
      }
      gateError =
          rows(choice.gate().isPresent(), source::inner, oldGate, old.gateBytes(hidden),
              format.gate(), newGate);
    }
    OptionalDouble upError =
        rows(choice.up().isPresent(), source::up,
            new Place(source.bundles(), from.bundleBytes(),
                old.upOffsetBytes(from.form(), hidden)),
            old.upBytes(hidden), format.up(),
            new Place(bundles, to.bundleBytes(), format.upOffsetBytes(to.form(), hidden)));
    Place newDown =
        new Place(bundles, to.bundleBytes(), format.downOffsetBytes(to.form(), hidden));
    if (choice.down().isEmpty()) {
      copy(
          new Place(source.bundles(), from.bundleBytes(),
              old.downOffsetBytes(from.form(), hidden)),
          old.downBytes(hidden), newDown);
      return new Encoded(bundles, gate, MemorySegment.NULL, MemorySegment.NULL,
          new BundleDecoder(to, bundles, gate, scales, mins), gateError, upError,
          OptionalDouble.empty());
    }
    Requantisation.Columns columns = choice.down().get();
    int blocks = Math.ceilDiv(to.feedForward(), columns.blockNeurons());
    MemorySegment newScales =
        arena.allocate(TensorType.F16.bytes((long) blocks * hidden), Long.BYTES);
    MemorySegment newMins =
        format.down() == TensorType.U4
            ? arena.allocate(newScales.byteSize(), Long.BYTES)
            : MemorySegment.NULL;
    double downError = columns(columns, source, newDown, newScales, newMins);
    return new Encoded(bundles, gate, newScales, newMins,
        new BundleDecoder(to, bundles, gate, floats(newScales), floats(newMins)), gateError,
        upError,
        OptionalDouble.of(downError));
  }

  private interface RowReader {
    void read(int neuron, float[] target, int at);
  }

  /** Where each neuron has its part of something. */
  private record Place(MemorySegment memory, long strideBytes, long offsetBytes) {
    long of(int neuron) {
      return neuron * strideBytes + offsetBytes;
    }
  }

  private OptionalDouble rows(boolean anew, RowReader reader, Place source, int sourceBytes,
      TensorType type, Place target) {
    if (!anew) {
      copy(source, sourceBytes, target);
      return OptionalDouble.empty();
    }
    int hidden = from.hidden();
    int neurons = from.feedForward();
    List<double[]> errors =
        IntStream.range(0, Math.ceilDiv(neurons, ROW_BLOCK_NEURONS))
            .parallel()
            .mapToObj(
                block -> {
                  RowEncoder encoder = new RowEncoder(type);
                  float[] row = new float[hidden];
                  double[] sums = new double[2];
                  int end = Math.min(neurons, (block + 1) * ROW_BLOCK_NEURONS);
                  for (int i = block * ROW_BLOCK_NEURONS; i < end; i++) {
                    reader.read(i, row, 0);
                    sums[0] += encoder.encode(row, 0, hidden, target.memory, target.of(i));
                    sums[1] += squares(row, hidden);
                  }
                  return sums;
                })
            .toList();
    return OptionalDouble.of(relative(errors));
  }

  private double columns(Requantisation.Columns columns, BundleDecoder source,
      Place target, MemorySegment scales, MemorySegment mins) {
    int hidden = from.hidden();
    int neurons = from.feedForward();
    int size = columns.blockNeurons();
    List<double[]> errors =
        IntStream.range(0, Math.ceilDiv(neurons, size))
            .parallel()
            .mapToObj(
                block -> {
                  ColumnEncoder encoder = new ColumnEncoder(columns, hidden);
                  int first = block * size;
                  int some = Math.min(size, neurons - first);
                  float[] weights = new float[some * hidden];
                  for (int i = 0; i < some; i++) {
                    source.down(first + i, weights, i * hidden);
                  }
                  double error = encoder.encode(weights, some, scales, mins, 2L * block * hidden);
                  for (int i = 0; i < some; i++) {
                    encoder.column(i, target.memory, target.of(first + i));
                  }
                  return new double[] {error, squares(weights, weights.length)};
                })
            .toList();
    return relative(errors);
  }

  private void copy(Place source, int bytes, Place target) {
    for (int i = 0; i < from.feedForward(); i++) {
      MemorySegment.copy(source.memory, source.of(i), target.memory, target.of(i), bytes);
    }
  }

  private static double squares(float[] values, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += (double) values[i] * values[i];
    }
    return sum;
  }

  /** Added in the order of blocks, so that the result does not depend on threads. */
  private static double relative(List<double[]> errorsAndSquares) {
    double errors = 0;
    double squares = 0;
    for (double[] one : errorsAndSquares) {
      errors += one[0];
      squares += one[1];
    }
    return squares == 0 ? 0 : Math.sqrt(errors / squares);
  }

  private static float[] floats(MemorySegment halves) {
    float[] values = new float[(int) (halves.byteSize() / Short.BYTES)];
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.float16ToFloat(halves.get(SHORT, 2L * i));
    }
    return values;
  }
}
