package dev.sluice.engine.ffn;

import dev.sluice.engine.model.Model;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.CheckedReader;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.Store;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Knows the active set because it computes it from a full resident copy of the rows: a bound on what any predictor can
 * save, never a way to save memory. Its copy is read once when it is made and is not charged to a budget. Thread-safe.
 */
public final class OraclePredictor implements ActivePredictor, AutoCloseable {
  private final Activity activity;
  private final float[][] columnNorms;
  private final Model model;
  private final ThreadLocal<BlockFfn> blocks;
  private final Arena arena = Arena.ofShared();
  private final List<LayerWeights> layers = new ArrayList<>();
  private final long bytes;

  /** Reads all FFN weights of {@code store} through {@code reader}, which it closes. */
  public OraclePredictor(Store store, Model model, Activity activity, float[][] columnNorms,
      CheckedReader reader) {
    this.activity = activity;
    this.columnNorms = columnNorms;
    this.model = model;
    this.blocks = ThreadLocal.withInitial(() -> new BlockFfn(model));
    ModelSpec spec = store.spec();
    int bundleBytes = spec.bundleBytes();
    BundleFormat format = spec.bundle();
    int hidden = spec.hidden();
    int upStart = format.upOffsetBytes(spec.form(), hidden);
    int downStart = format.downOffsetBytes(spec.form(), hidden);
    boolean gateInBundle = upStart > 0;
    int[] identity = new int[spec.feedForward()];
    for (int i = 0; i < identity.length; i++) {
      identity[i] = i;
    }
    try (LayerStream stream = new LayerStream(store, reader)) {
      for (int layer = 0; layer < spec.layers(); layer++) {
        LayerWeights from = stream.load(layer, layer + 1 < spec.layers() ? layer + 1 : -1);
        MemorySegment memory = arena.allocate((long) spec.feedForward() * bundleBytes, 64);
        for (int i = 0; i < identity.length; i++) {
          long at = (long) i * bundleBytes;
          if (gateInBundle) {
            MemorySegment.copy(from.memory(), from.innerOffsetBytes(i), memory, at, upStart);
          }
          MemorySegment.copy(from.memory(), from.upOffsetBytes(i), memory, at + upStart,
              format.upBytes(hidden));
          MemorySegment.copy(from.memory(), from.downOffsetBytes(i), memory, at + downStart,
              format.downBytes(hidden));
        }
        layers.add(LayerWeights.packed(spec, layer, memory, identity));
      }
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
    bytes = (long) spec.layers() * spec.feedForward() * bundleBytes;
  }

  @Override
  public String name() {
    return "oracle";
  }

  @Override
  public long residentBytes() {
    return bytes;
  }

  @Override
  public void predict(
      int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch) {
    BlockFfn block = blocks.get();
    block.activate(layers.get(layer), normed, offset, count);
    float[] inner = block.inner();
    float[] outputs = block.outputs();
    int neurons = model.spec().feedForward();
    for (int i = 0; i < neurons; i++) {
      for (int t = 0; t < count; t++) {
        int at = i * count + t;
        predicted[at] =
            (byte) (activity.holds(layer, inner[at], outputs[at], columnNorms[layer][i]) ? 1 : 0);
      }
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
