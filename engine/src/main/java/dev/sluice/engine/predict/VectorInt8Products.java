package dev.sluice.engine.predict;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.XOR;

import dev.sluice.engine.kernel.CacheLines;
import dev.sluice.engine.kernel.TouchTrial;
import dev.sluice.storage.predictor.Int8Rows;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * A row in each 16-bit lane, so nothing is added across lanes. Both elements of a pair are at most 127, so their products'
 * sum fits in 16 bits. Vectors of activations are laid out once for all groups: broadcasts would be a third of the instructions. Of two
 * neighbouring sums, which make an int, the upper one is added up, and the whole with 2^15 added to the lower one, which is then no borrow;
 * their difference is the lower one's sum, modulo 2^32 throughout.
 *
 * <p>Few instructions count here beyond the time they take: a processor that asks for few lines ahead waits for as many lines at once as its
 * instructions in flight reach.
 */
final class VectorInt8Products implements Int8Products {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_256;
  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_256;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_256;
  private static final VectorSpecies<Byte> WIDE_BYTES = ByteVector.SPECIES_512;
  private static final VectorSpecies<Short> WIDE_SHORTS = ShortVector.SPECIES_512;
  private static final VectorSpecies<Integer> WIDE_INTS = IntVector.SPECIES_512;

  private static final int LANES = Int8Rows.GROUP_ROWS;
  private static final int HALF = LANES / 2;

  private static final ThreadLocal<Room> ROOM = ThreadLocal.withInitial(Room::new);

  /** One thread's vectors of activations, and what the halves of wide sums wait in. */
  private static final class Room {
    private short[] vectors = {};
    private final int[] sums = new int[4 * HALF];

    short[] vectors(int size) {
      return vectors = vectors.length >= size ? vectors : new short[size];
    }
  }

  private static final TouchTrial TRIAL = new TouchTrial();

  private final boolean isWide;

  VectorInt8Products() {
    this(ShortVector.SPECIES_PREFERRED.vectorBitSize());
  }

  /** For a machine with vectors of so many bits. The sums are the same with all. */
  VectorInt8Products(int vectorBits) {
    isWide = vectorBits >= WIDE_SHORTS.vectorBitSize();
  }

  @Override
  public void products(Int8Rows rows, int fromGroup, int toGroup, short[] x, int xOffset, int[] out,
      int outOffset) {
    MemorySegment codes = rows.codes();
    int steps = rows.steps();
    int together = isWide && steps % 2 == 0 ? 2 : 1;
    Room room = ROOM.get();
    short[] vectors = room.vectors(2 * LANES * steps);
    layOut(x, xOffset, steps, together, vectors);
    int groupBytes = steps * Int8Rows.STEP_BYTES;
    long bytes = (long) (toGroup - fromGroup) * groupBytes;
    TouchTrial.Way way = TRIAL.way(bytes);
    int stretch = Math.max(1, TouchTrial.STRETCH_BYTES / Math.max(1, groupBytes));
    long start = System.nanoTime();
    for (int group = fromGroup; group < toGroup; group++) {
      if (way == TouchTrial.Way.TOUCHED && (group - fromGroup) % stretch == 0) {
        CacheLines.touch(codes, rows.groupOffsetBytes(group),
            (long) Math.min(stretch, toGroup - group) * groupBytes);
      }
      int to = outOffset + (group - fromGroup) * LANES;
      if (together == 2) {
        wide(codes, rows.groupOffsetBytes(group), steps, vectors, room.sums, out, to);
      } else {
        narrow(codes, rows.groupOffsetBytes(group), steps, vectors, out, to);
      }
    }
    TRIAL.took(way, bytes, start);
  }

  /** For steps that are taken together, a vector of the first activation of each, then one of the second of each. */
  private static void layOut(short[] x, int xOffset, int steps, int together, short[] vectors) {
    for (int step = 0; step < steps; step++) {
      short first = x[xOffset + 2 * step];
      short second = x[xOffset + 2 * step + 1];
      int at = 2 * LANES * (step - step % together) + LANES * (step % together);
      ShortVector.broadcast(SHORTS, first).intoArray(vectors, at);
      ShortVector.broadcast(SHORTS, second).intoArray(vectors, at + together * LANES);
    }
  }

  // One group at a time although two could share the activations: codes then come from memory as a single stream, which
  // measured 21 GB/s against 7.

  private static void narrow(MemorySegment codes, long offset, int steps, short[] vectors,
      int[] out, int to) {
    IntVector whole = IntVector.zero(INTS);
    IntVector upper = whole;
    for (int step = 0; step < steps; step++) {
      ShortVector both = ByteVector.fromMemorySegment(BYTES, codes,
          offset + (long) step * Int8Rows.STEP_BYTES, ORDER).reinterpretAsShorts();
      int at = 2 * LANES * step;
      IntVector sums = both.lanewise(LSHL, 8).lanewise(ASHR, 8)
          .mul(ShortVector.fromArray(SHORTS, vectors, at))
          .add(both.lanewise(ASHR, 8).mul(ShortVector.fromArray(SHORTS, vectors, at + LANES)))
          .reinterpretAsInts();
      whole = whole.add(sums.lanewise(XOR, 0x8000));
      upper = upper.add(sums.lanewise(ASHR, 16));
    }
    whole.sub(upper.lanewise(LSHL, 16)).sub(steps << 15).intoArray(out, to);
    upper.intoArray(out, to + HALF);
  }

  /** Two steps in a vector. */
  private static void wide(MemorySegment codes, long offset, int steps, short[] vectors,
      int[] room, int[] out, int to) {
    IntVector whole = IntVector.zero(WIDE_INTS);
    IntVector upper = whole;
    for (int step = 0; step < steps; step += 2) {
      ShortVector both = ByteVector.fromMemorySegment(WIDE_BYTES, codes,
          offset + (long) step * Int8Rows.STEP_BYTES, ORDER).reinterpretAsShorts();
      int at = 2 * LANES * step;
      IntVector sums = both.lanewise(LSHL, 8).lanewise(ASHR, 8)
          .mul(ShortVector.fromArray(WIDE_SHORTS, vectors, at))
          .add(both.lanewise(ASHR, 8)
              .mul(ShortVector.fromArray(WIDE_SHORTS, vectors, at + 2 * LANES)))
          .reinterpretAsInts();
      whole = whole.add(sums.lanewise(XOR, 0x8000));
      upper = upper.add(sums.lanewise(ASHR, 16));
    }
    whole.sub(upper.lanewise(LSHL, 16)).sub(steps / 2 << 15).intoArray(room, 0);
    upper.intoArray(room, 2 * HALF);
    for (int half = 0; half < 2; half++) {
      IntVector.fromArray(INTS, room, 2 * HALF * half)
          .add(IntVector.fromArray(INTS, room, 2 * HALF * half + HALF))
          .intoArray(out, to + HALF * half);
    }
  }
}
