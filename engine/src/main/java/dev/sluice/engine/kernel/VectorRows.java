package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;
import static dev.sluice.engine.kernel.Lanes.INTS;
import static dev.sluice.engine.kernel.NativeMemory.ALL;
import static dev.sluice.engine.kernel.NativeMemory.SHORT;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Map;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Rows of float weights at checked native addresses, and which loop does what for every type. 16-bit weights come as
 * 32-bit loads of two, split as {@link HalfFormat} says. All n are multiples of 16 here.
 *
 * <p>Two accumulators a row wait for each other's additions, so products of many rows take four rows at once. The four are 32
 * rows apart: each is then a sequential stream of its own, which the processor prefetches. Neighbouring rows measured half as
 * fast from DRAM, a quarter of the matrix a tenth slower. Scattered rows are taken singly: they come from DRAM, where four
 * short streams at once were a quarter slower than one after another. A whole band of rows is one call: a call for every four
 * rows took a twentieth of the time. Rows that fours leave over are taken in four with rows that were done: singly they take twice as long.
 */
final class VectorRows {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  /** Fewer rows than this, which is four at least, are not worth what goes before a band, such as the copy that {@link #enlarged} makes. */

  private static final int FEW = 8;
  /** Whether activations of F16 rows make up for weights that come too small. */
  private static final boolean IS_ENLARGED = !VectorHalves.SUBNORMALS_ARE_DEAR;

  /** Rows that four streams share before they move on. */
  private static final int BAND = 128;

  /** (address, x, its offset, n, sums, their offset): leaves 8 partial sums. */
  private static final Loops ONE =
      new Loops(MethodHandles.lookup(), long.class, float[].class, int.class, int.class,
          float[].class, int.class)
          .with(TensorType.F32, "sum32")
          .with(TensorType.F16, "sumF16")
          .with(TensorType.BF16, "sumBf16")
          .with(TensorType.Q8_0, "sum8")
          .with(TensorType.Q4_0, "sum40")
          .with(TensorType.Q4_1, "sum41");

  /**
   * (address, distance of the four streams, stride, rows of each, x, its offset, n, sums): leaves rows · 4 · 8 partial sums. A
   * loop for each type, since C2 has to compile it on its own ({@link Loops}).
   */
  private static final Loops FOUR =
      new Loops(MethodHandles.lookup(), long.class, long.class, long.class, int.class,
          float[].class, int.class, int.class, float[].class)
          .with(TensorType.F32, "band32")
          .with(TensorType.F16, IS_ENLARGED ? "bandEnlargedF16" : "bandF16")
          .with(TensorType.BF16, "bandBf16")
          .with(TensorType.Q8_0, "band8");

  private static final Map<TensorType, TouchTrial> ONE_BY_ONE = TouchTrial.ofEachType();

  /** One thread's partial sums of a band. */
  private static final ThreadLocal<float[]> BAND_SUMS =
      ThreadLocal.withInitial(() -> new float[BAND * 8]);

  private static final Loops WIDEN =
      new Loops(MethodHandles.lookup(), long.class, float[].class, int.class, int.class)
          .with(TensorType.F32, "widen32")
          .with(TensorType.F16, "widenF16")
          .with(TensorType.BF16, "widenBf16")
          .with(TensorType.I8, "widenBytes")
          .with(TensorType.U4, "widenNibbles")
          .with(TensorType.Q8_0, "widen8")
          .with(TensorType.Q4_0, "widen40")
          .with(TensorType.Q4_1, "widen41");

  private static final ThreadLocal<float[][]> ENLARGED =
      ThreadLocal.withInitial(() -> new float[1][0]);

  private VectorRows() {}

  static float dot(TensorType type, long address, float[] x, int xo, int n) {
    if (!ONE.have(type)) {
      return dotInChunks(type, address, x, xo, n);
    }
    float[] sums = Lanes.scratch();
    sum(type, address, x, xo, n, sums, 0);
    return Lanes.fold(FloatVector.fromArray(FLOATS, sums, 0));
  }

  /** Weights of other types are decoded in plain Java and summed in vectors. */
  private static float dotInChunks(TensorType type, long address, float[] x, int xo, int n) {
    Chunk chunk = Chunk.ofThread();
    Arrays.fill(chunk.sums, 0f);
    for (int i = 0; i < n; i += Chunk.ELEMENTS) {
      int some = Math.min(Chunk.ELEMENTS, n - i);
      chunk.decode(type, address + type.bytes(i), some);
      VectorTiles.accumulate(chunk.values, 0, x, xo + i, some, chunk.sums);
    }
    return ScalarSums.fold(chunk.sums);
  }

  private static void sum(
      TensorType type, long address, float[] x, int xo, int n, float[] sums, int at) {
    try {
      ONE.of(type).invokeExact(address, x, xo, n, sums, at);
    } catch (Throwable e) {
      throw Loops.thrown(e);
    }
  }

  private static void band(
      TensorType type, long address, long far, long stride, int rows, float[] x, int xo, int n,
      float[] sums) {
    try {
      FOUR.of(type).invokeExact(address, far, stride, rows, x, xo, n, sums);
    } catch (Throwable e) {
      throw Loops.thrown(e);
    }
  }

  static void dots(
      TensorType type, long address, long strideBytes, int rows, float[] x, int xo, float[] out,
      int o, int n) {
    float[] factors = rows < FEW || !FOUR.have(type) ? null : factors(type, x, xo, n);
    if (factors == null) {
      oneByOne(type, address, strideBytes, rows, x, xo, out, o, n);
      return;
    }
    int from = type == TensorType.F16 && IS_ENLARGED ? 0 : xo; // a copy, or x itself
    float[] sums = BAND_SUMS.get();
    for (int next = 0; next < rows;) {
      int r = Math.min(next, rows - 4); // of the last four rows some may be taken once more
      int apart = Math.min(rows - r, BAND) / 4;
      band(type, address + r * strideBytes, apart * strideBytes, strideBytes, apart, factors, from,
          n, sums);
      for (int k = 0; k < apart; k++) {
        Lanes.fold4(sums, 32 * k, out, o + r + k, apart);
      }
      next = r + 4 * apart;
    }
  }

  private static void oneByOne(
      TensorType type, long address, long strideBytes, int rows, float[] x, int xo, float[] out,
      int o, int n) {
    long bytes = rows * strideBytes;
    TouchTrial trial = ONE_BY_ONE.get(type);
    TouchTrial.Way way = trial.way(bytes);
    int stretch = (int) Math.max(1, TouchTrial.STRETCH_BYTES / Math.max(1, strideBytes));
    long start = System.nanoTime();
    for (int r = 0; r < rows; r++) {
      if (way == TouchTrial.Way.TOUCHED && r % stretch == 0) {
        int some = Math.min(stretch, rows - r);
        CacheLines.touch(address + r * strideBytes, (some - 1) * strideBytes + type.bytes(n));
      }
      out[o + r] = dot(type, address + r * strideBytes, x, xo, n);
    }
    trial.took(way, bytes, start);
  }

  /** The activations as the loop over four rows wants them; null if it cannot have them. */
  private static float[] factors(TensorType type, float[] x, int xo, int n) {
    if (type != TensorType.F16) {
      return x;
    }
    if (IS_ENLARGED) {
      return enlarged(x, xo, n);
    }
    return VectorF16Rows.suits(n) ? x : null;
  }

  /**
   * Activations times 2^112, so that F16 weights need not be: the products, and hence all sums, are the same to the bit as
   * long as nothing overflows. Null if something might.
   */
  private static float[] enlarged(float[] x, int xo, int n) {
    float[][] held = ENLARGED.get();
    if (held[0].length < n) {
      held[0] = new float[n];
    }
    float[] target = held[0];
    FloatVector most = FloatVector.zero(FLOATS);
    for (int i = 0; i < n; i += 8) {
      FloatVector v = FloatVector.fromArray(FLOATS, x, xo + i);
      most = most.max(v.abs());
      v.mul(0x1p112f).intoArray(target, i);
    }
    return most.reduceLanes(VectorOperators.MAX) < 0x1p15f ? target : null; // false for NaN
  }

  /** Widens as many of n elements as there are vectors for, a multiple of 16; returns how many. */
  static int widen(TensorType type, long address, float[] row, int ro, int n) {
    if (!WIDEN.have(type)) {
      return 0;
    }
    try {
      WIDEN.of(type).invokeExact(address, row, ro, n);
    } catch (Throwable e) {
      throw Loops.thrown(e);
    }
    return n;
  }

  static IntVector pairs(long address) {
    return IntVector.fromMemorySegment(INTS, NativeMemory.ALL, address, ORDER);
  }

  static FloatVector floats(long address) {
    return FloatVector.fromMemorySegment(FLOATS, NativeMemory.ALL, address, ORDER);
  }

  static FloatVector evensBf16(IntVector pairs) {
    return pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  static FloatVector oddsBf16(IntVector pairs) {
    return pairs.and(0xffff0000).reinterpretAsFloats();
  }

  static void sumF16(long wAddress, float[] x, int xo, int n, float[] sums, int at) {
    long w = NativeMemory.bounded(wAddress);
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    for (int i = 0; i < n; i += 16) {
      IntVector p = pairs(w + 2L * i);
      low = VectorHalves.lower(p).fma(FloatVector.fromArray(FLOATS, x, xo + i), low);
      high = VectorHalves.upper(p).fma(FloatVector.fromArray(FLOATS, x, xo + i + 8), high);
    }
    low.add(high).intoArray(sums, at);
  }

  static void sumBf16(long wAddress, float[] x, int xo, int n, float[] sums, int at) {
    long w = NativeMemory.bounded(wAddress);
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    for (int i = 0; i < n; i += 16) {
      IntVector p = pairs(w + 2L * i);
      low = evensBf16(p).fma(FloatVector.fromArray(FLOATS, x, xo + i), low);
      high = oddsBf16(p).fma(FloatVector.fromArray(FLOATS, x, xo + i + 8), high);
    }
    low.add(high).intoArray(sums, at);
  }

  static void sum32(long wAddress, float[] x, int xo, int n, float[] sums, int at) {
    long w = NativeMemory.bounded(wAddress);
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    for (int i = 0; i < n; i += 16) {
      low = floats(w + 4L * i).fma(FloatVector.fromArray(FLOATS, x, xo + i), low);
      high = floats(w + 4L * i + 32).fma(FloatVector.fromArray(FLOATS, x, xo + i + 8), high);
    }
    low.add(high).intoArray(sums, at);
  }

  /** x times 2^112, from element 0 on. One counter, in bytes of weights: there are fewer addresses to work out. */
  static void bandEnlargedF16(
      long address, long far, long stride, int rows, float[] x, int xo, int n, float[] sums) {
    int end = 2 * n;
    for (int r = 0; r < rows; r++) {
      long v = NativeMemory.bounded(address + r * stride);
      long w = NativeMemory.bounded(address + r * stride + far);
      long y = NativeMemory.bounded(address + r * stride + 2 * far);
      long z = NativeMemory.bounded(address + r * stride + 3 * far);
      FloatVector a = FloatVector.zero(FLOATS);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector d = a;
      FloatVector e = a;
      FloatVector f = a;
      FloatVector g = a;
      FloatVector h = a;
      for (int i = 0; i < end; i += 32) {
        FloatVector even = FloatVector.fromArray(FLOATS, x, i >> 1);
        FloatVector odd = FloatVector.fromArray(FLOATS, x, (i >> 1) + 8);
        IntVector p = pairs(v + i);
        a = VectorHalves.smallLower(p).fma(even, a);
        b = VectorHalves.smallUpper(p).fma(odd, b);
        p = pairs(w + i);
        c = VectorHalves.smallLower(p).fma(even, c);
        d = VectorHalves.smallUpper(p).fma(odd, d);
        p = pairs(y + i);
        e = VectorHalves.smallLower(p).fma(even, e);
        f = VectorHalves.smallUpper(p).fma(odd, f);
        p = pairs(z + i);
        g = VectorHalves.smallLower(p).fma(even, g);
        h = VectorHalves.smallUpper(p).fma(odd, h);
      }
      a.add(b).intoArray(sums, 32 * r);
      c.add(d).intoArray(sums, 32 * r + 8);
      e.add(f).intoArray(sums, 32 * r + 16);
      g.add(h).intoArray(sums, 32 * r + 24);
    }
  }

  /** Where subnormal operands are dear; see {@link VectorF16Rows}. */
  static void bandF16(
      long address, long far, long stride, int rows, float[] x, int xo, int n, float[] sums) {
    VectorF16Rows.band(address, far, stride, rows, x, xo, n, sums);
  }

  static void bandBf16(
      long address, long far, long stride, int rows, float[] x, int xo, int n, float[] sums) {
    for (int r = 0; r < rows; r++) {
      long v = NativeMemory.bounded(address + r * stride);
      long w = NativeMemory.bounded(address + r * stride + far);
      long y = NativeMemory.bounded(address + r * stride + 2 * far);
      long z = NativeMemory.bounded(address + r * stride + 3 * far);
      FloatVector a = FloatVector.zero(FLOATS);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector d = a;
      FloatVector e = a;
      FloatVector f = a;
      FloatVector g = a;
      FloatVector h = a;
      for (int i = 0; i < n; i += 16) {
        FloatVector even = FloatVector.fromArray(FLOATS, x, xo + i);
        FloatVector odd = FloatVector.fromArray(FLOATS, x, xo + i + 8);
        IntVector p = pairs(v + 2L * i);
        a = evensBf16(p).fma(even, a);
        b = oddsBf16(p).fma(odd, b);
        p = pairs(w + 2L * i);
        c = evensBf16(p).fma(even, c);
        d = oddsBf16(p).fma(odd, d);
        p = pairs(y + 2L * i);
        e = evensBf16(p).fma(even, e);
        f = oddsBf16(p).fma(odd, f);
        p = pairs(z + 2L * i);
        g = evensBf16(p).fma(even, g);
        h = oddsBf16(p).fma(odd, h);
      }
      a.add(b).intoArray(sums, 32 * r);
      c.add(d).intoArray(sums, 32 * r + 8);
      e.add(f).intoArray(sums, 32 * r + 16);
      g.add(h).intoArray(sums, 32 * r + 24);
    }
  }

  static void band32(
      long address, long far, long stride, int rows, float[] x, int xo, int n, float[] sums) {
    for (int r = 0; r < rows; r++) {
      long v = NativeMemory.bounded(address + r * stride);
      long w = NativeMemory.bounded(address + r * stride + far);
      long y = NativeMemory.bounded(address + r * stride + 2 * far);
      long z = NativeMemory.bounded(address + r * stride + 3 * far);
      FloatVector a = FloatVector.zero(FLOATS);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector d = a;
      FloatVector e = a;
      FloatVector f = a;
      FloatVector g = a;
      FloatVector h = a;
      for (int i = 0; i < n; i += 16) {
        long at = 4L * i;
        FloatVector low = FloatVector.fromArray(FLOATS, x, xo + i);
        FloatVector high = FloatVector.fromArray(FLOATS, x, xo + i + 8);
        a = floats(v + at).fma(low, a);
        b = floats(v + at + 32).fma(high, b);
        c = floats(w + at).fma(low, c);
        d = floats(w + at + 32).fma(high, d);
        e = floats(y + at).fma(low, e);
        f = floats(y + at + 32).fma(high, f);
        g = floats(z + at).fma(low, g);
        h = floats(z + at + 32).fma(high, h);
      }
      a.add(b).intoArray(sums, 32 * r);
      c.add(d).intoArray(sums, 32 * r + 8);
      e.add(f).intoArray(sums, 32 * r + 16);
      g.add(h).intoArray(sums, 32 * r + 24);
    }
  }

  static void sum8(long wAddress, float[] x, int xo, int n, float[] sums, int at) {
    long w = NativeMemory.bounded(wAddress);
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    for (int i = 0; i < n; i += 32) {
      long p = w + 34L * (i >> 5);
      int o = xo + i;
      FloatVector d = VectorQuants.smallScale(p);
      IntVector q = VectorQuants.fours(p + 2);
      low = VectorQuants.first(q).mul(d).fma(FloatVector.fromArray(FLOATS, x, o), low);
      high = VectorQuants.second(q).mul(d).fma(FloatVector.fromArray(FLOATS, x, o + 8), high);
      low = VectorQuants.third(q).mul(d).fma(FloatVector.fromArray(FLOATS, x, o + 16), low);
      high = VectorQuants.fourth(q).mul(d).fma(FloatVector.fromArray(FLOATS, x, o + 24), high);
    }
    low.add(high).intoArray(sums, at);
  }

  /** Written out: see {@link VectorInt8} for what C2 does with more of our methods in one loop. */
  static void band8(
      long address, long far, long stride, int rows, float[] x, int xo, int n, float[] sums) {
    int end = 34 * (n >> 5);
    for (int r = 0; r < rows; r++) {
      long v = NativeMemory.bounded(address + r * stride);
      long w = NativeMemory.bounded(v + far);
      long y = NativeMemory.bounded(w + far);
      long z = NativeMemory.bounded(y + far);
      FloatVector aLow = FloatVector.zero(FLOATS);
      FloatVector aHigh = aLow;
      FloatVector bLow = aLow;
      FloatVector bHigh = aLow;
      FloatVector cLow = aLow;
      FloatVector cHigh = aLow;
      FloatVector dLow = aLow;
      FloatVector dHigh = aLow;
      int at = xo;
      for (int i = 0; i < end; i += 34) {
        long p = v + i;
        short h = ALL.get(SHORT, p);
        FloatVector d = FloatVector.broadcast(FLOATS, (h + 0x400 & 0x7800) == 0
            ? Float.float16ToFloat(h) * 0x1p-24f
            : Float.intBitsToFloat((h << 16 >> 3 & VectorQuants.HALF) + VectorQuants.SMALLER));
        IntVector q = IntVector.fromMemorySegment(INTS, ALL, p + 2, ORDER);
        aLow = ((FloatVector) q.lanewise(LSHL, 24).convert(I2F, 0)).mul(d)
            .fma(FloatVector.fromArray(FLOATS, x, at), aLow);
        aHigh = ((FloatVector) q.lanewise(LSHL, 16).and(VectorQuants.TOP_BYTE).convert(I2F, 0))
            .mul(d).fma(FloatVector.fromArray(FLOATS, x, at + 8), aHigh);
        aLow = ((FloatVector) q.lanewise(LSHL, 8).and(VectorQuants.TOP_BYTE).convert(I2F, 0)).mul(d)
            .fma(FloatVector.fromArray(FLOATS, x, at + 16), aLow);
        aHigh = ((FloatVector) q.and(VectorQuants.TOP_BYTE).convert(I2F, 0)).mul(d)
            .fma(FloatVector.fromArray(FLOATS, x, at + 24), aHigh);
        p = w + i;
        h = ALL.get(SHORT, p);
        d = FloatVector.broadcast(FLOATS, (h + 0x400 & 0x7800) == 0
            ? Float.float16ToFloat(h) * 0x1p-24f
            : Float.intBitsToFloat((h << 16 >> 3 & VectorQuants.HALF) + VectorQuants.SMALLER));
        q = IntVector.fromMemorySegment(INTS, ALL, p + 2, ORDER);
        bLow = ((FloatVector) q.lanewise(LSHL, 24).convert(I2F, 0)).mul(d)
            .fma(FloatVector.fromArray(FLOATS, x, at), bLow);
        bHigh = ((FloatVector) q.lanewise(LSHL, 16).and(VectorQuants.TOP_BYTE).convert(I2F, 0))
            .mul(d).fma(FloatVector.fromArray(FLOATS, x, at + 8), bHigh);
        bLow = ((FloatVector) q.lanewise(LSHL, 8).and(VectorQuants.TOP_BYTE).convert(I2F, 0)).mul(d)
            .fma(FloatVector.fromArray(FLOATS, x, at + 16), bLow);
        bHigh = ((FloatVector) q.and(VectorQuants.TOP_BYTE).convert(I2F, 0)).mul(d)
            .fma(FloatVector.fromArray(FLOATS, x, at + 24), bHigh);
        p = y + i;
        h = ALL.get(SHORT, p);
        d = FloatVector.broadcast(FLOATS, (h + 0x400 & 0x7800) == 0
            ? Float.float16ToFloat(h) * 0x1p-24f
            : Float.intBitsToFloat((h << 16 >> 3 & VectorQuants.HALF) + VectorQuants.SMALLER));
        q = IntVector.fromMemorySegment(INTS, ALL, p + 2, ORDER);
        cLow = ((FloatVector) q.lanewise(LSHL, 24).convert(I2F, 0)).mul(d)
            .fma(FloatVector.fromArray(FLOATS, x, at), cLow);
        cHigh = ((FloatVector) q.lanewise(LSHL, 16).and(VectorQuants.TOP_BYTE).convert(I2F, 0))
            .mul(d).fma(FloatVector.fromArray(FLOATS, x, at + 8), cHigh);
        cLow = ((FloatVector) q.lanewise(LSHL, 8).and(VectorQuants.TOP_BYTE).convert(I2F, 0)).mul(d)
            .fma(FloatVector.fromArray(FLOATS, x, at + 16), cLow);
        cHigh = ((FloatVector) q.and(VectorQuants.TOP_BYTE).convert(I2F, 0)).mul(d)
            .fma(FloatVector.fromArray(FLOATS, x, at + 24), cHigh);
        p = z + i;
        h = ALL.get(SHORT, p);
        d = FloatVector.broadcast(FLOATS, (h + 0x400 & 0x7800) == 0
            ? Float.float16ToFloat(h) * 0x1p-24f
            : Float.intBitsToFloat((h << 16 >> 3 & VectorQuants.HALF) + VectorQuants.SMALLER));
        q = IntVector.fromMemorySegment(INTS, ALL, p + 2, ORDER);
        dLow = ((FloatVector) q.lanewise(LSHL, 24).convert(I2F, 0)).mul(d)
            .fma(FloatVector.fromArray(FLOATS, x, at), dLow);
        dHigh = ((FloatVector) q.lanewise(LSHL, 16).and(VectorQuants.TOP_BYTE).convert(I2F, 0))
            .mul(d).fma(FloatVector.fromArray(FLOATS, x, at + 8), dHigh);
        dLow = ((FloatVector) q.lanewise(LSHL, 8).and(VectorQuants.TOP_BYTE).convert(I2F, 0)).mul(d)
            .fma(FloatVector.fromArray(FLOATS, x, at + 16), dLow);
        dHigh = ((FloatVector) q.and(VectorQuants.TOP_BYTE).convert(I2F, 0)).mul(d)
            .fma(FloatVector.fromArray(FLOATS, x, at + 24), dHigh);
        at += 32;
      }
      aLow.add(aHigh).intoArray(sums, 32 * r);
      bLow.add(bHigh).intoArray(sums, 32 * r + 8);
      cLow.add(cHigh).intoArray(sums, 32 * r + 16);
      dLow.add(dHigh).intoArray(sums, 32 * r + 24);
    }
  }

  static void sum40(long wAddress, float[] x, int xo, int n, float[] sums, int at) {
    long w = NativeMemory.bounded(wAddress);
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    for (int i = 0; i < n; i += 32) {
      long v = w + 18L * (i >> 5);
      FloatVector d = VectorQuants.scale(v);
      FloatVector e = d.mul(0x1p-28f);
      IntVector p = VectorQuants.centred(v + 2);
      IntVector q = VectorQuants.centred(v + 10);
      low = VectorQuants.centredLow(p).mul(e).fma(FloatVector.fromArray(FLOATS, x, xo + i), low);
      high =
          VectorQuants.centredLow(q).mul(e).fma(FloatVector.fromArray(FLOATS, x, xo + i + 8), high);
      low = VectorQuants.centredHigh(p).mul(d).fma(FloatVector.fromArray(FLOATS, x, xo + i + 16),
          low);
      high = VectorQuants.centredHigh(q).mul(d).fma(FloatVector.fromArray(FLOATS, x, xo + i + 24),
          high);
    }
    low.add(high).intoArray(sums, at);
  }

  static void sum41(long wAddress, float[] x, int xo, int n, float[] sums, int at) {
    long w = NativeMemory.bounded(wAddress);
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    for (int i = 0; i < n; i += 32) {
      long v = w + 20L * (i >> 5);
      FloatVector d = VectorQuants.scale(v);
      FloatVector m = VectorQuants.scale(v + 2);
      IntVector p = VectorQuants.unsigned(v + 4);
      IntVector q = VectorQuants.unsigned(v + 12);
      low = VectorQuants.low(p).fma(d, m).fma(FloatVector.fromArray(FLOATS, x, xo + i), low);
      high = VectorQuants.low(q).fma(d, m).fma(FloatVector.fromArray(FLOATS, x, xo + i + 8), high);
      low = VectorQuants.high(p).fma(d, m).fma(FloatVector.fromArray(FLOATS, x, xo + i + 16), low);
      high =
          VectorQuants.high(q).fma(d, m).fma(FloatVector.fromArray(FLOATS, x, xo + i + 24), high);
    }
    low.add(high).intoArray(sums, at);
  }

  static void widen32(long w, float[] row, int ro, int n) {
    MemorySegment.copy(NativeMemory.ALL, NativeMemory.FLOAT, w, row, ro, n);
  }

  static void widenF16(long wAddress, float[] row, int ro, int n) {
    long w = NativeMemory.bounded(wAddress);
    for (int i = 0; i < n; i += 16) {
      IntVector p = pairs(w + 2L * i);
      VectorHalves.lower(p).intoArray(row, ro + i);
      VectorHalves.upper(p).intoArray(row, ro + i + 8);
    }
  }

  static void widenBf16(long wAddress, float[] row, int ro, int n) {
    long w = NativeMemory.bounded(wAddress);
    for (int i = 0; i < n; i += 16) {
      IntVector p = pairs(w + 2L * i);
      evensBf16(p).intoArray(row, ro + i);
      oddsBf16(p).intoArray(row, ro + i + 8);
    }
  }

  static void widenBytes(long wAddress, float[] row, int ro, int n) {
    long w = NativeMemory.bounded(wAddress);
    for (int i = 0; i < n; i += 8) {
      VectorQuants.bytes(w + i).intoArray(row, ro + i);
    }
  }

  static void widenNibbles(long wAddress, float[] row, int ro, int n) {
    long w = NativeMemory.bounded(wAddress);
    for (int i = 0; i < n; i += 16) {
      IntVector p = VectorQuants.unsigned(w + (i >> 1));
      VectorQuants.low(p).intoArray(row, ro + i);
      VectorQuants.high(p).intoArray(row, ro + i + 8);
    }
  }

  static void widen8(long wAddress, float[] row, int ro, int n) {
    long w = NativeMemory.bounded(wAddress);
    for (int i = 0; i < n; i += 32) {
      long p = w + 34L * (i >> 5);
      FloatVector d = VectorQuants.smallScale(p);
      IntVector q = VectorQuants.fours(p + 2);
      VectorQuants.first(q).mul(d).intoArray(row, ro + i);
      VectorQuants.second(q).mul(d).intoArray(row, ro + i + 8);
      VectorQuants.third(q).mul(d).intoArray(row, ro + i + 16);
      VectorQuants.fourth(q).mul(d).intoArray(row, ro + i + 24);
    }
  }

  static void widen40(long wAddress, float[] row, int ro, int n) {
    long w = NativeMemory.bounded(wAddress);
    for (int i = 0; i < n; i += 32) {
      long v = w + 18L * (i >> 5);
      FloatVector d = VectorQuants.scale(v);
      FloatVector e = d.mul(0x1p-28f);
      for (int k = 0; k < 16; k += 8) {
        IntVector p = VectorQuants.centred(v + 2 + k);
        VectorQuants.centredLow(p).mul(e).intoArray(row, ro + i + k);
        VectorQuants.centredHigh(p).mul(d).intoArray(row, ro + i + 16 + k);
      }
    }
  }

  static void widen41(long wAddress, float[] row, int ro, int n) {
    long w = NativeMemory.bounded(wAddress);
    for (int i = 0; i < n; i += 32) {
      long v = w + 20L * (i >> 5);
      FloatVector d = VectorQuants.scale(v);
      FloatVector m = VectorQuants.scale(v + 2);
      for (int k = 0; k < 16; k += 8) {
        IntVector p = VectorQuants.unsigned(v + 4 + k);
        VectorQuants.low(p).fma(d, m).intoArray(row, ro + i + k);
        VectorQuants.high(p).fma(d, m).intoArray(row, ro + i + 16 + k);
      }
    }
  }
}
