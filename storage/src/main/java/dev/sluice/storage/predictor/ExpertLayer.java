package dev.sluice.storage.predictor;

import java.lang.foreign.SegmentAllocator;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * One layer's neurons parted into experts of equal size, and a router that scores experts by the FFN's input (MoEfication, arXiv
 * 2110.01786). The router is a layer of thin matrices whose outputs are experts: where its {@link ActivityCuts} say how many
 * are the {@code most}, they mean experts. Immutable; the router's memory lives as long as the allocator given says.
 *
 * @param router hidden → experts
 * @param expertOf the expert of each neuron; kept, not copied
 */
public record ExpertLayer(LowRankLayer router, int[] expertOf) {
  private static final int MAGIC = 0x54525058; // "XPRT"
  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 3 * Integer.BYTES;
  private static final int MAX_NEURONS = 1 << 24;
  private static final int MAX_EXPERTS = 1 << 16;

  public ExpertLayer {
    if (router.neurons() > MAX_EXPERTS) {
      throw new IllegalArgumentException(router.neurons() + " experts are too many");
    }
    int[] sizes = new int[router.neurons()];
    for (int expert : expertOf) {
      if (expert < 0 || expert >= sizes.length) {
        throw new IllegalArgumentException("a neuron of expert " + expert + ", which there is not");
      }
      sizes[expert]++;
    }
    int least = Arrays.stream(sizes).min().orElseThrow();
    int largest = Arrays.stream(sizes).max().orElseThrow();
    if (largest - least > 1) {
      throw new IllegalArgumentException(
          "experts of " + least + " to " + largest + " neurons are not balanced");
    }
  }

  public int hidden() {
    return router.hidden();
  }

  public int neurons() {
    return expertOf.length;
  }

  public int experts() {
    return router.neurons();
  }

  /** Bytes that stay resident: the router, and two for each neuron. */
  public long residentBytes() {
    return router.residentBytes() + (long) Short.BYTES * neurons();
  }

  /** The bytes of {@code predictor/moefication/LAYER} in the catalog; little-endian. */
  public byte[] encode() {
    byte[] encoded = router.encode();
    ByteBuffer out = ByteBuffer
        .allocate(Math.addExact(HEADER_BYTES + Short.BYTES * neurons(), encoded.length))
        .order(ByteOrder.LITTLE_ENDIAN);
    out.putInt(MAGIC).putInt(VERSION).putInt(neurons());
    for (int expert : expertOf) {
      out.putShort((short) expert);
    }
    return out.put(encoded).array();
  }

  /**
   * Reads what {@link #encode} wrote; matrices are copied into {@code memory}.
   *
   * @throws IllegalArgumentException if the bytes are not that
   */
  public static ExpertLayer decode(byte[] bytes, SegmentAllocator memory) {
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    try {
      if (in.getInt() != MAGIC || in.getInt() != VERSION) {
        throw new IllegalArgumentException("not an expert layer of version " + VERSION);
      }
      int neurons = in.getInt();
      if (neurons < 1 || neurons > MAX_NEURONS || neurons > in.remaining() / Short.BYTES) {
        throw new IllegalArgumentException("an expert layer with impossible counts");
      }
      int[] expertOf = new int[neurons];
      for (int i = 0; i < neurons; i++) {
        expertOf[i] = Short.toUnsignedInt(in.getShort());
      }
      byte[] router = Arrays.copyOfRange(bytes, in.position(), bytes.length);
      return new ExpertLayer(LowRankLayer.decode(router, memory), expertOf);
    } catch (BufferUnderflowException e) {
      throw new IllegalArgumentException("an expert layer that is cut short", e);
    }
  }
}
