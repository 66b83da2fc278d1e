package dev.sluice.engine.predict;

import dev.sluice.storage.predictor.CertifiedLayer;
import dev.sluice.storage.predictor.CertifiedLayer.Bound;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** 256-bit vectors, a row in each lane, so nothing is added across lanes. */
final class VectorCertifiedBounds implements CertifiedBounds {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_256;
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_256;
  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_128;
  private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_64;
  private static final int VECTOR_BYTES = 32;
  private static final int WORD_BYTES = CertifiedLayer.LANES * Short.BYTES;

  @Override
  public void bounds(CertifiedLayer layer, Bound bound, int fromGroup, int toGroup,
      CertifiedInput input, float[] bias, float[] out) {
    for (int group = fromGroup; group < toGroup; group++) {
      if (bound == Bound.NORM) {
        byNorms(layer, group, input, bias, out);
      } else {
        byDither(layer, group, input, bias, out);
      }
    }
  }

  private static void byDither(CertifiedLayer layer, int group, CertifiedInput input, float[] bias,
      float[] out) {
    FloatVector total = FloatVector.zero(FLOATS);
    FloatVector spread = FloatVector.broadcast(FLOATS, input.spreadFloor);
    long at = layer.groupOffsetBytes(group);
    int blockBytes = layer.blockBytes();
    for (int block = 0; block < layer.blocks(); block++, at += blockBytes) {
      IntVector words = words(layer.codes(), at);
      FloatVector scale = scale(words, layer.base());
      FloatVector sum = shifted(layer, words, at, block, input);
      total = scale.fma(sum, total);
      spread = scale.mul(scale)
          .fma(FloatVector.broadcast(FLOATS, input.spreads[block]), spread);
    }
    finish(layer, group, input, total, spread.mul(input.spreadFactor).sqrt(), bias, out);
  }

  private static void byNorms(CertifiedLayer layer, int group, CertifiedInput input, float[] bias,
      float[] out) {
    FloatVector total = FloatVector.zero(FLOATS);
    FloatVector spread = FloatVector.broadcast(FLOATS, input.spreadFloor);
    long at = layer.groupOffsetBytes(group);
    long normAt = (long) group * layer.blocks() * CertifiedLayer.LANES;
    int blockBytes = layer.blockBytes();
    for (int block = 0; block < layer.blocks(); block++, at += blockBytes) {
      IntVector words = words(layer.codes(), at);
      FloatVector scale = scale(words, layer.base());
      FloatVector sum = shifted(layer, words, at, block, input);
      total = scale.fma(sum, total);
      IntVector norms = ((IntVector) ByteVector
          .fromMemorySegment(BYTES, layer.norms(), normAt, ORDER)
          .convertShape(VectorOperators.B2I, INTS, 0)).and(255);
      normAt += CertifiedLayer.LANES;
      spread = scale.mul((FloatVector) norms.convert(VectorOperators.I2F, 0))
          .fma(FloatVector.broadcast(FLOATS, input.spreads[block]), spread);
    }
    finish(layer, group, input, total, spread, bias, out);
  }

  private static IntVector words(MemorySegment codes, long at) {
    return (IntVector) ShortVector.fromMemorySegment(SHORTS, codes, at, ORDER)
        .convertShape(VectorOperators.S2I, INTS, 0);
  }

  /** Five bits of mantissa and four of exponent become those of a float. */
  private static FloatVector scale(IntVector words, int base) {
    return words.lanewise(VectorOperators.LSHR, 7).and(511).lanewise(VectorOperators.LSHL, 18)
        .add((base + 127) << 23).reinterpretAsFloats();
  }

  private static FloatVector shifted(CertifiedLayer layer, IntVector words, long at, int block,
      CertifiedInput input) {
    MemorySegment codes = layer.codes();
    int from = block * CertifiedLayer.BLOCK;
    int bits = layer.bits();
    FloatVector sum = switch (bits) {
      case 4 -> four(codes, at + WORD_BYTES, input.x, from);
      case 8 -> eight(codes, at + WORD_BYTES, input.x, from);
      default -> more(codes, at + WORD_BYTES, bits - 4, input.x, from);
    };
    FloatVector offset = (FloatVector) words.lanewise(VectorOperators.LSHL, 25)
        .lanewise(VectorOperators.ASHR, 25).convert(VectorOperators.I2F, 0);
    return offset.mul(Math.scalb(1f, bits - 7))
        .fma(FloatVector.broadcast(FLOATS, input.sums[block]), sum).sub(input.dithered[block]);
  }

  private static FloatVector four(MemorySegment codes, long at, float[] x, int from) {
    IntVector a = IntVector.fromMemorySegment(INTS, codes, at, ORDER);
    IntVector b = IntVector.fromMemorySegment(INTS, codes, at + VECTOR_BYTES, ORDER);
    IntVector c = IntVector.fromMemorySegment(INTS, codes, at + 2 * VECTOR_BYTES, ORDER);
    IntVector d = IntVector.fromMemorySegment(INTS, codes, at + 3 * VECTOR_BYTES, ORDER);
    FloatVector s0 = FloatVector.zero(FLOATS);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int k = 0; k < 8; k++) {
      int left = 28 - 4 * k;
      s0 = nibble(a, left).fma(FloatVector.broadcast(FLOATS, x[from + k]), s0);
      s1 = nibble(b, left).fma(FloatVector.broadcast(FLOATS, x[from + 8 + k]), s1);
      s2 = nibble(c, left).fma(FloatVector.broadcast(FLOATS, x[from + 16 + k]), s2);
      s3 = nibble(d, left).fma(FloatVector.broadcast(FLOATS, x[from + 24 + k]), s3);
    }
    return s0.add(s1).add(s2.add(s3));
  }

  private static FloatVector nibble(IntVector codes, int left) {
    return (FloatVector) codes.lanewise(VectorOperators.LSHL, left)
        .lanewise(VectorOperators.ASHR, 28).convert(VectorOperators.I2F, 0);
  }

  /** Five or six bits: nibbles, and {@code extra} higher bits elsewhere. */
  private static FloatVector more(MemorySegment codes, long at, int extra, float[] x, int from) {
    FloatVector s0 = quarter(codes, at, 0, extra, x, from);
    FloatVector s1 = quarter(codes, at, 1, extra, x, from);
    FloatVector s2 = quarter(codes, at, 2, extra, x, from);
    FloatVector s3 = quarter(codes, at, 3, extra, x, from);
    return s0.add(s1).add(s2.add(s3));
  }

  private static FloatVector quarter(MemorySegment codes, long at, int quarter, int extra,
      float[] x, int from) {
    int firstBit = quarter * 8 * extra;
    IntVector low =
        IntVector.fromMemorySegment(INTS, codes, at + (long) quarter * VECTOR_BYTES, ORDER);
    IntVector high = IntVector.fromMemorySegment(INTS, codes,
        at + (long) (4 + firstBit / Integer.SIZE) * VECTOR_BYTES, ORDER);
    FloatVector sum = FloatVector.zero(FLOATS);
    int left = Integer.SIZE - extra - firstBit % Integer.SIZE;
    int right = Integer.SIZE - extra - 4;
    for (int k = 0; k < 8; k++) {
      IntVector top = high.lanewise(VectorOperators.LSHL, left - k * extra)
          .lanewise(VectorOperators.ASHR, right).and(-16);
      IntVector code = low.lanewise(VectorOperators.LSHR, 4 * k).and(15).or(top);
      sum = ((FloatVector) code.convert(VectorOperators.I2F, 0))
          .fma(FloatVector.broadcast(FLOATS, x[from + quarter * 8 + k]), sum);
    }
    return sum;
  }

  private static FloatVector eight(MemorySegment codes, long at, float[] x, int from) {
    FloatVector s0 = bytes(codes, at, x, from);
    FloatVector s1 = bytes(codes, at + 2 * VECTOR_BYTES, x, from + 8);
    FloatVector s2 = bytes(codes, at + 4 * VECTOR_BYTES, x, from + 16);
    FloatVector s3 = bytes(codes, at + 6 * VECTOR_BYTES, x, from + 24);
    return s0.add(s1).add(s2.add(s3));
  }

  private static FloatVector bytes(MemorySegment codes, long at, float[] x, int from) {
    IntVector a = IntVector.fromMemorySegment(INTS, codes, at, ORDER);
    IntVector b = IntVector.fromMemorySegment(INTS, codes, at + VECTOR_BYTES, ORDER);
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int k = 0; k < 4; k++) {
      sum = one(a, k).fma(FloatVector.broadcast(FLOATS, x[from + k]), sum);
    }
    for (int k = 0; k < 4; k++) {
      sum = one(b, k).fma(FloatVector.broadcast(FLOATS, x[from + 4 + k]), sum);
    }
    return sum;
  }

  private static FloatVector one(IntVector codes, int k) {
    return (FloatVector) codes.lanewise(VectorOperators.LSHL, 24 - 8 * k)
        .lanewise(VectorOperators.ASHR, 24).convert(VectorOperators.I2F, 0);
  }

  private static void finish(CertifiedLayer layer, int group, CertifiedInput input,
      FloatVector total, FloatVector ownMargin, float[] biases, float[] out) {
    FloatVector along = along(layer, group, input);
    int first = group * CertifiedLayer.LANES;
    FloatVector step = FloatVector.fromArray(FLOATS, layer.steps(), first);
    FloatVector estimate = step.fma(along, total);
    FloatVector margin = step.fma(FloatVector.broadcast(FLOATS, input.stepSlack), ownMargin);
    margin = FloatVector.fromArray(FLOATS, layer.magnitudes(), first)
        .fma(FloatVector.broadcast(FLOATS, input.magnitudeSlack), margin);
    FloatVector bias = FloatVector.fromArray(FLOATS, biases, first);
    FloatVector sizes = estimate.abs().add(margin).add(bias.abs());
    FloatVector.broadcast(FLOATS, LAST_ROUNDINGS)
        .fma(sizes, estimate.add(margin).add(bias))
        .intoArray(out, first);
  }

  private static FloatVector along(CertifiedLayer layer, int group, CertifiedInput input) {
    int count = layer.directionCount();
    long at = (long) group * CertifiedLayer.LANES * count;
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int k = 0; k < count; k += 4, at += VECTOR_BYTES) {
      IntVector codes = IntVector.fromMemorySegment(INTS, layer.projections(), at, ORDER);
      for (int j = 0; j < 4; j++) {
        sum = one(codes, j).fma(FloatVector.broadcast(FLOATS, input.along[k + j]), sum);
      }
    }
    return sum;
  }
}
