package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;

import dev.sluice.storage.tensor.TensorType;
import java.lang.invoke.MethodHandles;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/**
 * Scaled additions of columns, several in one pass over y, and the scales that close a block of columns. Lengths are
 * multiples of 16 (Q8_0: 32) here; ranges are checked. F16 goes one column at a time: two were no faster from L2 or scattered,
 * and three times slower where columns follow each other in DRAM. So does Q8_0: the loop of two was more than C2 takes into registers.
 */
final class VectorColumns {
  /** (address, factor, y, its offset, n). */
  private static final Loops ONE =
      new Loops(MethodHandles.lookup(), long.class, float.class, float[].class, int.class,
          int.class)
          .with(TensorType.F32, "floats1")
          .with(TensorType.F16, VectorHalves.SUBNORMALS_ARE_DEAR ? "normalHalves1" : "halves1")
          .with(TensorType.BF16, "brains1")
          .with(TensorType.I8, "bytes1")
          .with(TensorType.U4, "nibbles1")
          .with(TensorType.Q8_0, "blocks1");

  /** (two addresses, two factors, y, its offset, n). */
  private static final Loops TWO =
      new Loops(MethodHandles.lookup(), long.class, long.class, float.class, float.class,
          float[].class, int.class, int.class)
          .with(TensorType.F32, "floats2")
          .with(TensorType.BF16, "brains2")
          .with(TensorType.I8, "bytes2")
          .with(TensorType.U4, "nibbles2");

  /** (four addresses, factors, their offset, y, its offset, n). */
  private static final Loops FOUR =
      new Loops(MethodHandles.lookup(), long.class, long.class, long.class, long.class,
          float[].class, int.class, float[].class, int.class, int.class)
          .with(TensorType.F32, "floats4")
          .with(TensorType.BF16, "brains4")
          .with(TensorType.I8, "bytes4");

  private static final int NIBBLE_TILE = 32;

  private static final VectorShuffle<Float> EVENS =
      VectorShuffle.fromValues(FLOATS, 0, 2, 4, 6, -8, -6, -4, -2);
  private static final VectorShuffle<Float> ODDS =
      VectorShuffle.fromValues(FLOATS, 1, 3, 5, 7, -7, -5, -3, -1);

  private VectorColumns() {}

  /** Whether there are loops for this type. */
  static boolean have(TensorType type) {
    return ONE.have(type);
  }

  /** Adds a · n elements to y. */
  static void axpy(TensorType type, float a, long address, float[] y, int yo, int n) {
    if (overflows(type, a)) {
      ScalarKernels.axpyFrom(0, type, a, address, y, yo, n);
      return;
    }
    try {
      ONE.of(type).invokeExact(address, a, y, yo, n);
    } catch (Throwable e) {
      throw Loops.thrown(e);
    }
  }

  /** Adds n elements of {@code count} columns, which begin at {@code base} plus their offsets, to y. */
  static void axpys(
      TensorType type, float[] a, int ao, long base, long[] offsets, int first, int count,
      float[] y, int yo, int n) {
    int c = 0;
    if (type == TensorType.U4 && n % NIBBLE_TILE == 0) {
      for (; c < count; c += ScatteredRows.GROUP) {
        int some = Math.min(ScatteredRows.GROUP, count - c);
        ScatteredRows.fetch(base, offsets, first + c, some, type.bytes(n));
        nibbles(base, offsets, first + c, some, a, ao + c, y, yo, n);
      }
      return;
    }
    if (FOUR.have(type)) {
      for (; c + 4 <= count; c += 4) {
        four(type, base, offsets, first + c, a, ao + c, y, yo, n);
      }
    }
    if (TWO.have(type)) {
      for (; c + 2 <= count; c += 2) {
        two(type, base + offsets[first + c], base + offsets[first + c + 1], a[ao + c],
            a[ao + c + 1], y, yo, n);
      }
    }
    for (; c < count; c++) {
      axpy(type, a[ao + c], base + offsets[first + c], y, yo, n);
    }
  }

  private static void two(
      TensorType type, long v, long w, float a, float b, float[] y, int yo, int n) {
    try {
      TWO.of(type).invokeExact(v, w, a, b, y, yo, n);
    } catch (Throwable e) {
      throw Loops.thrown(e);
    }
  }

  private static void four(
      TensorType type, long base, long[] offsets, int at, float[] a, int ao, float[] y, int yo,
      int n) {
    try {
      FOUR.of(type).invokeExact(base + offsets[at], base + offsets[at + 1], base + offsets[at + 2],
          base + offsets[at + 3], a, ao, y, yo, n);
    } catch (Throwable e) {
      throw Loops.thrown(e);
    }
  }

  /** F16 weights come 2^112 times too small; their factors make up for it, to the bit, unless that is too much for them. */
  private static boolean overflows(TensorType type, float a) {
    return type == TensorType.F16 && !(Math.abs(a) < 0x1p15f);
  }

  private static FloatVector load(float[] y, int at) {
    return FloatVector.fromArray(FLOATS, y, at);
  }

  private static void store(FloatVector s, float[] y, int at) {
    s.add(0f).intoArray(y, at); // no −0
  }

  private static FloatVector factor(float a) {
    return FloatVector.broadcast(FLOATS, a);
  }

  static void bytes1(long wAddress, float a, float[] y, int yo, int n) {
    long w = NativeMemory.bounded(wAddress);
    FloatVector b = factor(a);
    for (int i = 0; i < n; i += 8) {
      store(VectorQuants.bytes(w + i).fma(b, load(y, yo + i)), y, yo + i);
    }
  }

  static void bytes2(long vAddress, long wAddress, float a, float b, float[] y, int yo,
      int n) {
    long v = NativeMemory.bounded(vAddress);
    long w = NativeMemory.bounded(wAddress);
    FloatVector av = factor(a);
    FloatVector bv = factor(b);
    for (int i = 0; i < n; i += 8) {
      FloatVector s = VectorQuants.bytes(v + i).fma(av, load(y, yo + i));
      store(VectorQuants.bytes(w + i).fma(bv, s), y, yo + i);
    }
  }

  static void bytes4(
      long w0Address, long w1Address, long w2Address, long w3Address, float[] a, int ao, float[] y,
      int yo, int n) {
    long w0 = NativeMemory.bounded(w0Address);
    long w1 = NativeMemory.bounded(w1Address);
    long w2 = NativeMemory.bounded(w2Address);
    long w3 = NativeMemory.bounded(w3Address);
    FloatVector a0 = factor(a[ao]);
    FloatVector a1 = factor(a[ao + 1]);
    FloatVector a2 = factor(a[ao + 2]);
    FloatVector a3 = factor(a[ao + 3]);
    for (int i = 0; i < n; i += 8) {
      FloatVector s = VectorQuants.bytes(w0 + i).fma(a0, load(y, yo + i));
      s = VectorQuants.bytes(w1 + i).fma(a1, s);
      s = VectorQuants.bytes(w2 + i).fma(a2, s);
      store(VectorQuants.bytes(w3 + i).fma(a3, s), y, yo + i);
    }
  }

  static void nibbles1(long wAddress, float a, float[] y, int yo, int n) {
    long w = NativeMemory.bounded(wAddress);
    FloatVector b = factor(a);
    for (int i = 0; i < n; i += 16) {
      IntVector p = VectorQuants.unsigned(w + (i >> 1));
      store(VectorQuants.low(p).fma(b, load(y, yo + i)), y, yo + i);
      store(VectorQuants.high(p).fma(b, load(y, yo + i + 8)), y, yo + i + 8);
    }
  }

  static void nibbles2(long vAddress, long wAddress, float a, float b, float[] y, int yo,
      int n) {
    long v = NativeMemory.bounded(vAddress);
    long w = NativeMemory.bounded(wAddress);
    FloatVector av = factor(a);
    FloatVector bv = factor(b);
    for (int i = 0; i < n; i += 16) {
      IntVector p = VectorQuants.unsigned(v + (i >> 1));
      IntVector q = VectorQuants.unsigned(w + (i >> 1));
      FloatVector low = VectorQuants.low(p).fma(av, load(y, yo + i));
      store(VectorQuants.low(q).fma(bv, low), y, yo + i);
      FloatVector high = VectorQuants.high(p).fma(av, load(y, yo + i + 8));
      store(VectorQuants.high(q).fma(bv, high), y, yo + i + 8);
    }
  }

  /** Any number of columns; a tile of outputs stays in registers. A larger one is boxed by the compiler, 3 times as slow. */
  static void nibbles(long base, long[] offsets, int first, int count, float[] a, int ao, float[] y,
      int yo, int n) {
    for (int i = 0; i < n; i += NIBBLE_TILE) {
      int at = yo + i;
      FloatVector s = load(y, at);
      FloatVector t = load(y, at + 8);
      FloatVector u = load(y, at + 16);
      FloatVector v = load(y, at + 24);
      for (int c = 0; c < count; c++) {
        long w = NativeMemory.bounded(base + offsets[first + c]) + (i >> 1);
        FloatVector factor = factor(a[ao + c]);
        IntVector p = VectorQuants.unsigned(w);
        s = VectorQuants.low(p).fma(factor, s);
        t = VectorQuants.high(p).fma(factor, t);
        IntVector q = VectorQuants.unsigned(w + 8);
        u = VectorQuants.low(q).fma(factor, u);
        v = VectorQuants.high(q).fma(factor, v);
      }
      store(s, y, at);
      store(t, y, at + 8);
      store(u, y, at + 16);
      store(v, y, at + 24);
    }
  }

  static void floats1(long wAddress, float a, float[] y, int yo, int n) {
    long w = NativeMemory.bounded(wAddress);
    FloatVector b = factor(a);
    for (int i = 0; i < n; i += 8) {
      store(VectorRows.floats(w + 4L * i).fma(b, load(y, yo + i)), y, yo + i);
    }
  }

  static void floats2(long vAddress, long wAddress, float a, float b, float[] y, int yo,
      int n) {
    long v = NativeMemory.bounded(vAddress);
    long w = NativeMemory.bounded(wAddress);
    FloatVector av = factor(a);
    FloatVector bv = factor(b);
    for (int i = 0; i < n; i += 8) {
      FloatVector s = VectorRows.floats(v + 4L * i).fma(av, load(y, yo + i));
      store(VectorRows.floats(w + 4L * i).fma(bv, s), y, yo + i);
    }
  }

  static void floats4(
      long w0Address, long w1Address, long w2Address, long w3Address, float[] a, int ao, float[] y,
      int yo, int n) {
    long w0 = NativeMemory.bounded(w0Address);
    long w1 = NativeMemory.bounded(w1Address);
    long w2 = NativeMemory.bounded(w2Address);
    long w3 = NativeMemory.bounded(w3Address);
    FloatVector a0 = factor(a[ao]);
    FloatVector a1 = factor(a[ao + 1]);
    FloatVector a2 = factor(a[ao + 2]);
    FloatVector a3 = factor(a[ao + 3]);
    for (int i = 0; i < n; i += 8) {
      FloatVector s = VectorRows.floats(w0 + 4L * i).fma(a0, load(y, yo + i));
      s = VectorRows.floats(w1 + 4L * i).fma(a1, s);
      s = VectorRows.floats(w2 + 4L * i).fma(a2, s);
      store(VectorRows.floats(w3 + 4L * i).fma(a3, s), y, yo + i);
    }
  }

  static void blocks1(long wAddress, float a, float[] y, int yo, int n) {
    long w = NativeMemory.bounded(wAddress);
    FloatVector b = factor(a);
    for (int i = 0; i < n; i += 32) {
      long p = w + 34L * (i >> 5);
      int at = yo + i;
      FloatVector d = VectorQuants.smallScale(p);
      IntVector fours = VectorQuants.fours(p + 2);
      store(VectorQuants.first(fours).mul(d).fma(b, load(y, at)), y, at);
      store(VectorQuants.second(fours).mul(d).fma(b, load(y, at + 8)), y, at + 8);
      store(VectorQuants.third(fours).mul(d).fma(b, load(y, at + 16)), y, at + 16);
      store(VectorQuants.fourth(fours).mul(d).fma(b, load(y, at + 24)), y, at + 24);
    }
  }

  static void halves1(long wAddress, float a, float[] y, int yo, int n) {
    long w = NativeMemory.bounded(wAddress);
    FloatVector b = factor(a * 0x1p112f);
    for (int i = 0; i < n; i += 16) {
      IntVector p = VectorRows.pairs(w + 2L * i);
      store(VectorHalves.smallLower(p).fma(b, load(y, yo + i)), y, yo + i);
      store(VectorHalves.smallUpper(p).fma(b, load(y, yo + i + 8)), y, yo + i + 8);
    }
  }

  /** The same where subnormal operands are dear; see {@link VectorHalves}. */
  static void normalHalves1(long wAddress, float a, float[] y, int yo, int n) {
    IntVector magnitude = IntVector.broadcast(Lanes.INTS, VectorHalves.MAGNITUDE);
    IntVector sign = IntVector.broadcast(Lanes.INTS, VectorHalves.SIGN);
    IntVector bias = IntVector.broadcast(Lanes.INTS, VectorHalves.BIAS);
    FloatVector two = factor(2f);
    FloatVector least = factor(-0x1p-14f);
    long w = NativeMemory.bounded(wAddress);
    FloatVector b = factor(a);
    for (int i = 0; i < n; i += 16) {
      IntVector p = VectorRows.pairs(w + 2L * i);
      IntVector q = p.lanewise(VectorOperators.LSHL, 16);
      IntVector m = q.lanewise(VectorOperators.LSHR, 3).and(magnitude).add(bias);
      store(m.min(m.reinterpretAsFloats().fma(two, least).reinterpretAsInts()).or(q.and(sign))
          .reinterpretAsFloats().fma(b, load(y, yo + i)), y, yo + i);
      m = p.lanewise(VectorOperators.LSHR, 3).and(magnitude).add(bias);
      store(m.min(m.reinterpretAsFloats().fma(two, least).reinterpretAsInts()).or(p.and(sign))
          .reinterpretAsFloats().fma(b, load(y, yo + i + 8)), y, yo + i + 8);
    }
  }

  static void brains1(long wAddress, float a, float[] y, int yo, int n) {
    long w = NativeMemory.bounded(wAddress);
    FloatVector b = factor(a);
    for (int i = 0; i < n; i += 16) {
      IntVector p = VectorRows.pairs(w + 2L * i);
      store(VectorRows.evensBf16(p).fma(b, load(y, yo + i)), y, yo + i);
      store(VectorRows.oddsBf16(p).fma(b, load(y, yo + i + 8)), y, yo + i + 8);
    }
  }

  static void brains2(long vAddress, long wAddress, float a, float b, float[] y, int yo,
      int n) {
    long v = NativeMemory.bounded(vAddress);
    long w = NativeMemory.bounded(wAddress);
    FloatVector av = factor(a);
    FloatVector bv = factor(b);
    for (int i = 0; i < n; i += 16) {
      IntVector p = VectorRows.pairs(v + 2L * i);
      IntVector q = VectorRows.pairs(w + 2L * i);
      FloatVector low = VectorRows.evensBf16(p).fma(av, load(y, yo + i));
      store(VectorRows.evensBf16(q).fma(bv, low), y, yo + i);
      FloatVector high = VectorRows.oddsBf16(p).fma(av, load(y, yo + i + 8));
      store(VectorRows.oddsBf16(q).fma(bv, high), y, yo + i + 8);
    }
  }

  static void brains4(
      long w0Address, long w1Address, long w2Address, long w3Address, float[] a, int ao, float[] y,
      int yo, int n) {
    long w0 = NativeMemory.bounded(w0Address);
    long w1 = NativeMemory.bounded(w1Address);
    long w2 = NativeMemory.bounded(w2Address);
    long w3 = NativeMemory.bounded(w3Address);
    FloatVector a0 = factor(a[ao]);
    FloatVector a1 = factor(a[ao + 1]);
    FloatVector a2 = factor(a[ao + 2]);
    FloatVector a3 = factor(a[ao + 3]);
    for (int i = 0; i < n; i += 16) {
      IntVector p0 = VectorRows.pairs(w0 + 2L * i);
      IntVector p1 = VectorRows.pairs(w1 + 2L * i);
      IntVector p2 = VectorRows.pairs(w2 + 2L * i);
      IntVector p3 = VectorRows.pairs(w3 + 2L * i);
      FloatVector low = VectorRows.evensBf16(p0).fma(a0, load(y, yo + i));
      low = VectorRows.evensBf16(p1).fma(a1, low);
      low = VectorRows.evensBf16(p2).fma(a2, low);
      store(VectorRows.evensBf16(p3).fma(a3, low), y, yo + i);
      FloatVector high = VectorRows.oddsBf16(p0).fma(a0, load(y, yo + i + 8));
      high = VectorRows.oddsBf16(p1).fma(a1, high);
      high = VectorRows.oddsBf16(p2).fma(a2, high);
      store(VectorRows.oddsBf16(p3).fma(a3, high), y, yo + i + 8);
    }
  }

  /** y = fma(a, x, y) for n elements, a multiple of 8. */
  static void axpy(float a, float[] x, int xo, float[] y, int yo, int n) {
    FloatVector b = factor(a);
    for (int i = 0; i < n; i += 8) {
      store(load(x, xo + i).fma(b, load(y, yo + i)), y, yo + i);
    }
  }

  /** y += scales · sums and sums = 0, for n elements. */
  static void close(
      boolean split, TensorType type, long address, float[] sums, int so, float[] y, int yo,
      int n) {
    long w = NativeMemory.bounded(address);
    FloatVector zero = FloatVector.zero(FLOATS);
    for (int i = 0; i < n; i += 16) {
      store(first(split, type, w, i).fma(load(sums, so + i), load(y, yo + i)), y, yo + i);
      zero.intoArray(sums, so + i);
      store(second(split, type, w, i).fma(load(sums, so + i + 8), load(y, yo + i + 8)), y,
          yo + i + 8);
      zero.intoArray(sums, so + i + 8);
    }
  }

  /** y += factors · mins, for n elements. */
  static void minimums(
      boolean split, TensorType type, float factors, long address, float[] y, int yo, int n) {
    long w = NativeMemory.bounded(address);
    FloatVector a = factor(factors);
    for (int i = 0; i < n; i += 16) {
      store(first(split, type, w, i).fma(a, load(y, yo + i)), y, yo + i);
      store(second(split, type, w, i).fma(a, load(y, yo + i + 8)), y, yo + i + 8);
    }
  }

  /** Arranged elements i to i + 8 of scales in natural order. */
  private static FloatVector first(boolean split, TensorType type, long w, int i) {
    if (type == TensorType.F16) {
      return split
          ? VectorHalves.lower(VectorRows.pairs(w + 2L * i))
          : VectorQuants.halves(w + 2L * i);
    }
    FloatVector low = VectorRows.floats(w + 4L * i);
    return split ? low.rearrange(EVENS, VectorRows.floats(w + 4L * i + 32)) : low;
  }

  /** Arranged elements i + 8 to i + 16. */
  private static FloatVector second(boolean split, TensorType type, long w, int i) {
    if (type == TensorType.F16) {
      return split
          ? VectorHalves.upper(VectorRows.pairs(w + 2L * i))
          : VectorQuants.halves(w + 2L * i + 16);
    }
    FloatVector high = VectorRows.floats(w + 4L * i + 32);
    return split ? VectorRows.floats(w + 4L * i).rearrange(ODDS, high) : high;
  }
}
