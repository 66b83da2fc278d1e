package dev.sluice.bench.impose;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.predict.AllNeurons;
import dev.sluice.engine.session.Engine;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ProgressListener;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Which neurons of each layer fire at each token of one text when all are computed and the exact rule holds. Immutable
 * once made; thread-safe.
 *
 * <p>In a file, little-endian: "SLUICEFIRINGS 1\n", the store's digest (64 ASCII), the CRC32C of the token ids, layers,
 * tokens, neurons (int32 each), then layer by layer and token by token ceil(neurons / 64) int64 of bits, then the CRC32C of
 * everything before it as int32.
 */
public final class DenseFirings {
  private static final byte[] MAGIC = "SLUICEFIRINGS 1\n".getBytes(StandardCharsets.US_ASCII);
  private static final int DIGEST_BYTES = 64;
  private static final int BLOCK_POSITIONS = 64;

  private final int words;
  private final int tokens;
  private final long[][] bits; // layer, then token · words + word

  private DenseFirings(int layers, int tokens, int neurons) {
    this.words = (neurons + 63) / 64;
    this.tokens = tokens;
    this.bits = new long[layers][Math.multiplyExact(tokens, words)];
  }

  /** The recording in {@code file} if it is there, otherwise a new one, which is left there. */
  public static DenseFirings of(Path file, Engine engine, int[] ids, ProgressListener progress) {
    if (Files.exists(file)) {
      return read(file, engine, ids);
    }
    DenseFirings firings = record(engine, ids, progress);
    firings.write(file, engine, ids);
    return firings;
  }

  /** Runs {@code ids} through the model as one context. */
  static DenseFirings record(Engine engine, int[] ids, ProgressListener progress) {
    ModelSpec spec = engine.store().spec();
    DenseFirings firings = new DenseFirings(spec.layers(), ids.length, spec.feedForward());
    try (LayerStream layers = engine.openLayers()) {
      Sweep sweep = engine.sweep(layers, BLOCK_POSITIONS);
      Sequence sequence = sweep.window(ids);
      sweep.run(List.of(sequence), Activity.exact(spec.layers()),
          new AllNeurons(spec.feedForward()), firings.new Observer(progress, spec));
    }
    return firings;
  }

  /** Tokens recorded. */
  int tokens() {
    return tokens;
  }

  /** Longs in one token's bitmap. */
  int words() {
    return words;
  }

  /** Whether a neuron fires. */
  boolean fires(int layer, int token, int neuron) {
    return (bits[layer][token * words + (neuron >>> 6)] >>> neuron & 1) != 0;
  }

  /** Tokens at which a neuron fires. */
  int firings(int layer, int neuron) {
    int count = 0;
    for (int token = 0; token < tokens; token++) {
      count += fires(layer, token, neuron) ? 1 : 0;
    }
    return count;
  }

  private final class Observer implements LayerObserver {
    private final ProgressListener progress;
    private final ModelSpec spec;

    Observer(ProgressListener progress, ModelSpec spec) {
      this.progress = progress;
      this.spec = spec;
    }

    @Override
    public boolean wantsColumnNorms() {
      return false;
    }

    @Override
    public void layerStarts(LayerWeights weights, float[] columnNorms) {}

    @Override
    public void observe(Block block) {
      int count = block.count();
      for (int t = 0; t < count; t++) { // blocks have tokens of their own, so threads share no word
        int at = (block.firstToken() + t) * words;
        for (int i = 0; i < spec.feedForward(); i++) {
          if (block.outputs()[i * count + t] != 0) {
            bits[block.weights().layer()][at + (i >>> 6)] |= 1L << i;
          }
        }
      }
    }

    @Override
    public void layerEnds(int layer) {
      progress.progress(layer + 1, spec.layers());
    }
  }

  private static int idsChecksum(int[] ids) {
    ByteBuffer bytes =
        ByteBuffer.allocate(ids.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(ids);
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return (int) crc.getValue();
  }

  private ByteBuffer encode(Engine engine, int[] ids) {
    ModelSpec spec = engine.store().spec();
    long size =
        MAGIC.length + DIGEST_BYTES + 5L * Integer.BYTES
            + (long) bits.length * bits[0].length * Long.BYTES;
    ByteBuffer out = ByteBuffer.allocate(Math.toIntExact(size)).order(ByteOrder.LITTLE_ENDIAN);
    out.put(MAGIC).put(engine.store().digest().getBytes(StandardCharsets.US_ASCII));
    out.putInt(idsChecksum(ids)).putInt(spec.layers()).putInt(tokens).putInt(spec.feedForward());
    for (long[] layer : bits) {
      for (long word : layer) {
        out.putLong(word);
      }
    }
    CRC32C crc = new CRC32C();
    crc.update(out.array(), 0, out.position());
    return out.putInt((int) crc.getValue()).flip();
  }

  private void write(Path file, Engine engine, int[] ids) {
    Path beside = file.resolveSibling(file.getFileName() + ".tmp");
    try {
      try (FileChannel channel =
          FileChannel.open(beside, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE)) {
        ByteBuffer bytes = encode(engine, ids);
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        channel.force(true);
      }
      Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new FaultException(file, "cannot be written (" + FaultException.reason(e) + ")",
          "check folder and disk", e);
    }
  }

  private static DenseFirings read(Path file, Engine engine, int[] ids) {
    ModelSpec spec = engine.store().spec();
    DenseFirings firings = new DenseFirings(spec.layers(), ids.length, spec.feedForward());
    ByteBuffer in;
    try {
      if (Files.size(file) != firings.encode(engine, ids).limit()) {
        throw otherRun(file);
      }
      in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    } catch (IOException e) {
      throw new FaultException(file, "cannot be read (" + FaultException.reason(e) + ")",
          "check the file", e);
    }
    byte[] head = new byte[MAGIC.length + DIGEST_BYTES];
    in.get(head);
    byte[] expected =
        Arrays.copyOf(MAGIC, head.length);
    System.arraycopy(engine.store().digest().getBytes(StandardCharsets.US_ASCII), 0, expected,
        MAGIC.length, DIGEST_BYTES);
    if (!Arrays.equals(head, expected) || in.getInt() != idsChecksum(ids)
        || in.getInt() != spec.layers() || in.getInt() != ids.length
        || in.getInt() != spec.feedForward()) {
      throw otherRun(file);
    }
    CRC32C crc = new CRC32C();
    crc.update(in.array(), 0, in.limit() - Integer.BYTES);
    if (in.getInt(in.limit() - Integer.BYTES) != (int) crc.getValue()) {
      throw new FaultException(file, "does not match its checksum", "delete it; it is made again");
    }
    for (long[] layer : firings.bits) {
      in.asLongBuffer().get(layer);
      in.position(in.position() + layer.length * Long.BYTES);
    }
    return firings;
  }

  private static BadInputException otherRun(Path file) {
    return new BadInputException(file, "it records another store or other tokens",
        "delete it, and it is made again, or name another file");
  }
}
