package dev.sluice.engine.ffn;

import dev.sluice.storage.store.Store;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Where each layer's neurons lie on disk, and bitmaps over those places: place p in bit p % 64 of word p / 64. Immutable. */
final class DiskOrder {
  private static final VarHandle EIGHT =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final int neurons;
  private final int[][] neuronAt;
  private final int[][] positionOf;

  DiskOrder(Store store) {
    neurons = store.spec().feedForward();
    int layers = store.spec().layers();
    neuronAt = new int[layers][];
    positionOf = new int[layers][];
    for (int layer = 0; layer < layers; layer++) {
      neuronAt[layer] = store.order(layer);
      positionOf[layer] = LayerStream.inverse(neuronAt[layer]);
    }
  }

  int neuronAt(int layer, int position) {
    return neuronAt[layer][position];
  }

  int positionOf(int layer, int neuron) {
    return positionOf[layer][neuron];
  }

  /** An empty bitmap. */
  long[] bitmap() {
    return new long[(neurons + 63) / 64];
  }

  /**
   * The places of a layer's named neurons.
   *
   * @param named 1 or 0 for each neuron
   * @param bitmap is overwritten
   * @return how many they are
   */
  int mark(int layer, byte[] named, long[] bitmap) {
    return mark(named, positionOf[layer], bitmap);
  }

  /** The same, given each neuron's place. */
  static int mark(byte[] named, int[] positions, long[] bitmap) {
    Arrays.fill(bitmap, 0);
    int count = 0;
    int neurons = positions.length;
    int eights = neurons & -Long.BYTES;
    for (int i = 0; i < eights; i += Long.BYTES) {
      // From set bit to set bit: which neurons are named is too irregular to foresee, and eight at a time are often silent.
      for (long bits = (long) EIGHT.get(named, i); bits != 0; bits &= bits - 1) {
        set(bitmap, positions[i + (Long.numberOfTrailingZeros(bits) >>> 3)]);
        count++;
      }
    }
    for (int i = eights; i < neurons; i++) {
      if (named[i] != 0) {
        set(bitmap, positions[i]);
        count++;
      }
    }
    return count;
  }

  /**
   * Which of a layer's neurons are not in a bitmap of places.
   *
   * @param unmarked receives 1 or 0 for each neuron
   */
  void unmark(int layer, long[] bitmap, byte[] unmarked) {
    int[] positions = positionOf[layer];
    for (int i = 0; i < neurons; i++) {
      unmarked[i] = (byte) (isSet(bitmap, positions[i]) ? 0 : 1);
    }
  }

  /** A new bitmap of all places. */
  long[] everywhere() {
    long[] all = bitmap();
    Arrays.fill(all, -1);
    if (neurons % 64 != 0) {
      all[all.length - 1] = (1L << neurons) - 1;
    }
    return all;
  }

  static void set(long[] bitmap, int position) {
    bitmap[position >>> 6] |= 1L << position;
  }

  static void clear(long[] bitmap, int position) {
    bitmap[position >>> 6] &= ~(1L << position);
  }

  static boolean isSet(long[] bitmap, int position) {
    return (bitmap[position >>> 6] >>> position & 1) != 0;
  }

  static int count(long[] bitmap) {
    int count = 0;
    for (long word : bitmap) {
      count += Long.bitCount(word);
    }
    return count;
  }
}
