package dev.sluice.storage.predictor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.stream.IntStream;

/**
 * One layer of a predictor that proves: a low-bit copy of the rows that decide activity, rounded with {@linkplain Dither subtractive
 * dither}, and what bounds its error. With w a row, ŵ its copy, e = w − ŵ, and c any numbers,
 *
 * <pre>  w·x = ŵ·x + Σ_k c_k (e·v_k) + e·r,  r = x − Σ_k c_k v_k</pre>
 *
 * The v_k are directions in which inputs are long; e·v_k is kept for each row as a signed byte times the row's step, off by half a step
 * at most. What remains of x is short, and e·r is {@linkplain ErrorBound bounded}.
 *
 * <p>Rows come in groups of {@value #LANES}, elements in blocks of {@value #BLOCK}; the last ones are padded with zeros. A block of a
 * group: a {@link DitheredBlock} word (2 bytes) for each row, then {@code bits} vectors of one int a row. With 8 bits, element i is byte
 * i % 4 of int i / 4; with fewer, its low four bits are nibble i % 8 of int i / 8, and the others lie in the ints from 4 on, low
 * bits first. Little-endian. Immutable and thread-safe; its memory lives as long as that of the allocator given.
 */
public final class CertifiedLayer {
  /** Rows of a group. */
  public static final int LANES = 8;

  /** Elements that share a scale. */
  public static final int BLOCK = DitheredBlock.SIZE;

  /** Steps of {@link #norms}, in scales: 255 of them are more than √32/2. */
  public static final float NORM_UNIT = 0x1.7p-7f;

  /** At most so many directions. */
  public static final int MAX_DIRECTIONS = 256;

  private static final int MAGIC = 0x46545243; // "CRTF"
  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 7 * Integer.BYTES + Integer.BYTES + Long.BYTES;
  private static final int MAX_HIDDEN = 1 << 16;
  private static final int MAX_NEURONS = 1 << 24;
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** What is known of errors. */
  public enum Bound {
    /** Norms of blocks: holds always. */
    NORM,
    /** The distribution that dither gives them: holds but for a probability. */
    DITHER
  }

  private final int layer;
  private final int neurons;
  private final int hidden;
  private final int bits;
  private final int base;
  private final long seed;
  private final float[] dither;
  private final MemorySegment directions; // float16
  private final double directionLength;
  private final float[] steps;
  private final float[] magnitudes;
  private final MemorySegment codes;
  private final MemorySegment projections;
  private final MemorySegment norms; // of length 0 where they are not needed

  private CertifiedLayer(int layer, int neurons, int hidden, int bits, int base, long seed,
      MemorySegment directions, float[] steps, float[] magnitudes, MemorySegment codes,
      MemorySegment projections, MemorySegment norms) {
    this.layer = layer;
    this.neurons = neurons;
    this.hidden = hidden;
    this.bits = bits;
    this.base = base;
    this.seed = seed;
    this.dither = Dither.of(seed, layer, hidden);
    this.directions = directions;
    this.directionLength = longest();
    this.steps = steps;
    this.magnitudes = magnitudes;
    this.codes = codes;
    this.projections = projections;
    this.norms = norms;
  }

  private double longest() {
    double longest = 0;
    for (int k = 0; k < directionCount(); k++) {
      double square = 0;
      for (int i = 0; i < hidden; i++) {
        square += square(direction(k, i));
      }
      longest = Math.max(longest, Math.sqrt(square) * (1 + 1e-9));
    }
    return longest;
  }

  /**
   * Rounds a layer's rows.
   *
   * @param rows neurons × hidden, finite
   * @param bits 4, 5, 6 or 8
   * @param directions v_k one after another; a multiple of four of them, near length 1, found without looking at the seed; they are
   *     rounded to float16 first
   * @throws IllegalArgumentException if a weight is too large, or the shape is none
   */
  public static CertifiedLayer pack(float[] rows, int neurons, int hidden, int bits, int layer,
      long seed, float[] directions, SegmentAllocator memory) {
    int count = directions.length / Math.max(1, hidden);
    requireShape(neurons, hidden, bits, count);
    double largest = 0;
    for (int i = 0; i < neurons * hidden; i++) {
      if (!Float.isFinite(rows[i])) {
        throw new IllegalArgumentException("a weight that is no number");
      }
      largest = Math.max(largest, Math.abs(rows[i]));
    }
    int groups = groups(neurons);
    CertifiedLayer made = new CertifiedLayer(layer, neurons, hidden, bits,
        DitheredBlock.baseFor(largest, bits), seed, halves(directions, memory),
        new float[groups * LANES],
        new float[groups * LANES], memory.allocate(codeBytes(neurons, hidden, bits), 64),
        memory.allocate((long) groups * LANES * count, 64),
        memory.allocate((long) groups * LANES * blocks(hidden), 64));
    IntStream.range(0, groups).parallel().forEach(group -> {
      for (int i = group * LANES; i < Math.min(neurons, (group + 1) * LANES); i++) {
        made.packRow(i, rows, i * hidden);
      }
    });
    return made;
  }

  private static MemorySegment halves(float[] values, SegmentAllocator memory) {
    MemorySegment halves = memory.allocate((long) Short.BYTES * values.length, 64);
    for (int i = 0; i < values.length; i++) {
      halves.set(SHORT, (long) Short.BYTES * i, Float.floatToFloat16(values[i]));
    }
    return halves;
  }

  private static void requireShape(int neurons, int hidden, int bits, int directions) {
    if (bits != 4 && bits != 5 && bits != 6 && bits != 8) {
      throw new IllegalArgumentException("certified copies have 4, 5, 6 or 8 bits, not " + bits);
    }
    if (neurons < 1 || neurons > MAX_NEURONS || hidden < 1 || hidden > MAX_HIDDEN
        || directions < 0 || directions > MAX_DIRECTIONS || directions % 4 != 0) {
      throw new IllegalArgumentException("a certified layer with impossible counts");
    }
  }

  private void packRow(int row, float[] values, int at) {
    double[] errors = new double[hidden];
    double weightSquares = 0;
    double levelSquares = 0;
    double offsetSquares = 0;
    double errorSquares = 0;
    for (int block = 0; block < blocks(); block++) {
      int from = block * BLOCK;
      int to = Math.min(hidden, from + BLOCK);
      float low = values[at + from];
      float high = low;
      for (int i = from; i < to; i++) {
        low = Math.min(low, values[at + i]);
        high = Math.max(high, values[at + i]);
      }
      DitheredBlock chosen = DitheredBlock.fitting(low, high, base, bits);
      codes.set(SHORT, wordOffsetBytes(row, block), (short) chosen.word());
      double squares = 0;
      for (int i = from; i < to; i++) {
        float value = values[at + i];
        int code = chosen.code(value, dither[i]);
        put(row, i, code);
        errors[i] = value - chosen.level(code, dither[i]);
        squares += errors[i] * errors[i];
        weightSquares += (double) value * value;
        levelSquares += square(chosen.scale() * code);
        offsetSquares += square(chosen.scale() * (Math.abs(chosen.offset()) + 0.5));
      }
      errorSquares += squares;
      // Rounded up with room for the rounding of the sum above.
      int norm = (int) Math.ceil(Math.sqrt(squares) * (1 + 1e-9) / chosen.scale() / NORM_UNIT);
      norms.set(ValueLayout.JAVA_BYTE, normOffset(row, block), (byte) norm);
    }
    magnitudes[row] = up(Math.sqrt(weightSquares) + Math.sqrt(levelSquares)
        + Math.sqrt(offsetSquares));
    packProjections(row, errors, Math.sqrt(errorSquares));
  }

  private void packProjections(int row, double[] errors, double errorNorm) {
    double[] along = new double[directionCount()];
    double largest = 0;
    for (int k = 0; k < along.length; k++) {
      for (int i = 0; i < hidden; i++) {
        along[k] += errors[i] * direction(k, i);
      }
      largest = Math.max(largest, Math.abs(along[k]));
    }
    // Never so fine that the rounding of sums in double would count.
    float step = up(Math.max(largest / 127, errorNorm * 0x1p-30));
    steps[row] = step;
    for (int k = 0; k < along.length; k++) {
      int code = step == 0 ? 0 : (int) Math.rint(along[k] / step);
      projections.set(ValueLayout.JAVA_BYTE, projectionOffset(row, k), (byte) code);
    }
  }

  private static double square(double x) {
    return x * x;
  }

  /** A float32 that is not below, with room for the rounding of what it comes from. */
  private static float up(double value) {
    return Math.nextUp((float) (value * (1 + 1e-9)));
  }

  private void put(int row, int i, int code) {
    if (bits == 8) {
      insert(row, i / BLOCK, i % BLOCK / 4, i % 4 * 8, code & 255);
      return;
    }
    int k = i % BLOCK;
    insert(row, i / BLOCK, k / 8, k % 8 * 4, code & 15);
    int more = bits - 4;
    if (more > 0) {
      int at = k * more;
      insert(row, i / BLOCK, 4 + at / Integer.SIZE, at % Integer.SIZE,
          code >> 4 & (1 << more) - 1);
    }
  }

  private void insert(int row, int block, int word, int shift, int value) {
    long at = intOffsetBytes(row, block, word);
    codes.set(INT, at, codes.get(INT, at) | value << shift);
  }

  /** The whole number, around 0, that element i of a row was rounded to. */
  public int code(int row, int i) {
    int k = i % BLOCK;
    if (bits == 8) {
      return codes.get(INT, intOffsetBytes(row, i / BLOCK, k / 4)) << (24 - k % 4 * 8) >> 24;
    }
    int low = codes.get(INT, intOffsetBytes(row, i / BLOCK, k / 8)) >>> (k % 8 * 4) & 15;
    int more = bits - 4;
    if (more == 0) {
      return low << 28 >> 28;
    }
    int at = k * more;
    int high = codes.get(INT, intOffsetBytes(row, i / BLOCK, 4 + at / Integer.SIZE));
    return high << (Integer.SIZE - more - at % Integer.SIZE) >> (Integer.SIZE - more) << 4 | low;
  }

  private DitheredBlock block(int row, int block) {
    return DitheredBlock.of(codes.get(SHORT, wordOffsetBytes(row, block)) & 0xffff, base, bits);
  }

  /** Δ of a block of a row. */
  public double scale(int row, int block) {
    return block(row, block).scale();
  }

  /** By how many levels the block's codes are shifted. */
  public double offset(int row, int block) {
    return block(row, block).offset();
  }

  /** Writes ŵ of a row; exact. */
  public void unpack(int row, double[] target) {
    for (int i = 0; i < hidden; i++) {
      target[i] = block(row, i / BLOCK).level(code(row, i), dither[i]);
    }
  }

  /** An upper bound of ‖e_b‖; {@link Bound#NORM} only. */
  public double errorNorm(int row, int block) {
    return (norms.get(ValueLayout.JAVA_BYTE, normOffset(row, block)) & 255) * NORM_UNIT
        * scale(row, block);
  }

  /** e·v_k of a row in steps. */
  public int projection(int row, int k) {
    return projections.get(ValueLayout.JAVA_BYTE, projectionOffset(row, k));
  }

  private long wordOffsetBytes(int row, int block) {
    return groupOffsetBytes(row / LANES) + (long) block * blockBytes()
        + (long) (row % LANES) * Short.BYTES;
  }

  private long intOffsetBytes(int row, int block, int word) {
    return groupOffsetBytes(row / LANES) + (long) block * blockBytes() + LANES * Short.BYTES
        + (long) (word * LANES + row % LANES) * Integer.BYTES;
  }

  private long normOffset(int row, int block) {
    return ((long) (row / LANES) * blocks() + block) * LANES + row % LANES;
  }

  /** Four directions side by side in one int a row. */
  private long projectionOffset(int row, int k) {
    return (long) (row / LANES) * LANES * directionCount()
        + ((long) (k / 4) * LANES + row % LANES) * Integer.BYTES + k % 4;
  }

  private static int groups(int neurons) {
    return (neurons + LANES - 1) / LANES;
  }

  private static int blocks(int hidden) {
    return (hidden + BLOCK - 1) / BLOCK;
  }

  private static long codeBytes(int neurons, int hidden, int bits) {
    return (long) groups(neurons) * blocks(hidden) * LANES * (Short.BYTES + Integer.BYTES * bits);
  }

  /** Which layer it is of; its dither is that layer's. */
  public int layer() {
    return layer;
  }

  public int neurons() {
    return neurons;
  }

  public int hidden() {
    return hidden;
  }

  public int bits() {
    return bits;
  }

  public long seed() {
    return seed;
  }

  public int groups() {
    return groups(neurons);
  }

  public int blocks() {
    return blocks(hidden);
  }

  /** Exponent of two of the smallest scale. */
  public int base() {
    return base;
  }

  /** u, one for each element of a row. Not to be changed. */
  public float[] dither() {
    return dither;
  }

  public int directionCount() {
    return (int) (directions.byteSize() / Short.BYTES / hidden);
  }

  /** v_k one after another, float16. */
  public MemorySegment directions() {
    return directions;
  }

  /** Element i of v_k. */
  public float direction(int k, int i) {
    return Float.float16ToFloat(directions.get(SHORT, Short.BYTES * ((long) k * hidden + i)));
  }

  /** No direction is longer. */
  public double directionLength() {
    return directionLength;
  }

  /** What a unit of {@link #projection} is worth, one for each row, padded to whole groups. Not to be changed. */
  public float[] steps() {
    return steps;
  }

  /**
   * ‖w‖ + ‖codes · Δ‖ + ‖Δ · (|offset| + ½)‖, rounded up: times ‖x‖ it bounds the sum of the absolute values of all products that
   * make w·x and ŵ·x. One for each row, padded to whole groups. Not to be changed.
   */
  public float[] magnitudes() {
    return magnitudes;
  }

  /** Groups one after another. */
  public MemorySegment codes() {
    return codes;
  }

  /** For each group, for each four directions, an int a row. */
  public MemorySegment projections() {
    return projections;
  }

  /** For each group, for each block, ‖e_b‖ of each row in units of {@link #NORM_UNIT} scales, rounded up; one unsigned byte. */
  public MemorySegment norms() {
    return norms;
  }

  /** Bytes of one block of a group. */
  public int blockBytes() {
    return LANES * (Short.BYTES + Integer.BYTES * bits);
  }

  /** Where a group begins in {@link #codes}. */
  public long groupOffsetBytes(int group) {
    return (long) group * blocks() * blockBytes();
  }

  /** Bytes that stay resident. */
  public long residentBytes() {
    return codes.byteSize() + projections.byteSize() + norms.byteSize() + directions.byteSize()
        + (long) Float.BYTES * (steps.length + magnitudes.length + dither.length);
  }

  /** The bytes of {@code predictor/certified-BITS/LAYER} in the catalog; little-endian. {@link Bound#NORM} only. */
  public byte[] encode() {
    ByteBuffer out =
        ByteBuffer.allocate(Math.toIntExact(bytes(neurons, hidden, bits, directionCount())))
            .order(ByteOrder.LITTLE_ENDIAN);
    out.putInt(MAGIC).putInt(VERSION).putInt(bits).putInt(layer).putInt(neurons).putInt(hidden);
    out.putInt(directionCount()).putInt(base).putLong(seed);
    out.put(directions.asByteBuffer());
    for (float[] values : new float[][] {steps, magnitudes}) {
      for (float value : values) {
        out.putFloat(value);
      }
    }
    return out.put(codes.asByteBuffer()).put(projections.asByteBuffer()).put(norms.asByteBuffer())
        .array();
  }

  private static long bytes(int neurons, int hidden, int bits, int directions) {
    long padded = (long) groups(neurons) * LANES;
    return HEADER_BYTES + (long) Short.BYTES * directions * hidden + Float.BYTES * 2 * padded
        + codeBytes(neurons, hidden, bits) + padded * directions + padded * blocks(hidden);
  }

  /**
   * Reads what {@link #encode} wrote; matrices are copied into {@code memory}, norms only if they are needed.
   *
   * @throws IllegalArgumentException if the bytes are not that
   */
  public static CertifiedLayer decode(byte[] bytes, Bound bound, SegmentAllocator memory) {
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (in.remaining() < HEADER_BYTES || in.getInt() != MAGIC || in.getInt() != VERSION) {
      throw new IllegalArgumentException("not a certified layer of version " + VERSION);
    }
    int bits = in.getInt();
    int layer = in.getInt();
    int neurons = in.getInt();
    int hidden = in.getInt();
    int count = in.getInt();
    int base = in.getInt();
    long seed = in.getLong();
    requireShape(neurons, hidden, bits, count);
    if (layer < 0 || base < DitheredBlock.MIN_BASE || base > DitheredBlock.MAX_BASE) {
      throw new IllegalArgumentException("a certified layer with impossible counts");
    }
    if (bytes.length != bytes(neurons, hidden, bits, count)) {
      throw new IllegalArgumentException("a certified layer of another length than its shape says");
    }
    int padded = groups(neurons) * LANES;
    MemorySegment directions = copied(in, (long) Short.BYTES * count * hidden, memory);
    for (long at = 0; at < directions.byteSize(); at += Short.BYTES) {
      if (!(Math.abs(Float.float16ToFloat(directions.get(SHORT, at))) <= 2)) {
        throw new IllegalArgumentException("a certified layer with a number that cannot be");
      }
    }
    float[] steps = floats(in, padded);
    float[] magnitudes = floats(in, padded);
    return new CertifiedLayer(layer, neurons, hidden, bits, base, seed, directions, steps,
        magnitudes, copied(in, codeBytes(neurons, hidden, bits), memory),
        copied(in, (long) padded * count, memory),
        bound == Bound.NORM ? copied(in, (long) padded * blocks(hidden), memory)
            : MemorySegment.NULL);
  }

  private static MemorySegment copied(ByteBuffer in, long bytes, SegmentAllocator memory) {
    MemorySegment matrix = memory.allocate(bytes, 64);
    MemorySegment.copy(MemorySegment.ofBuffer(in), 0, matrix, 0, bytes);
    in.position(Math.toIntExact(in.position() + bytes));
    return matrix;
  }

  private static float[] floats(ByteBuffer in, int count) {
    float[] result = new float[count];
    for (int i = 0; i < count; i++) {
      result[i] = in.getFloat();
      if (!(result[i] >= 0 && result[i] <= Float.MAX_VALUE)) {
        throw new IllegalArgumentException("a certified layer with a number that cannot be");
      }
    }
    return result;
  }
}
