package dev.sluice.engine.session;

import dev.sluice.storage.predictor.PackedRows;
import dev.sluice.storage.predictor.QuantisedCopy;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.NormKind;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.tensor.TensorType;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/**
 * A random float16 model of a few kilobytes with everything that a store can have: FFN biases, a shuffled order, column
 * norms, frequencies, a curve and a 4-bit predictor whose margin of √hidden standard deviations makes it certain
 * (Cauchy–Schwarz).
 */
public final class TinyStore {
  /** Layers of the model. */
  public static final int LAYERS = 4;

  /** Width of the residual stream. */
  public static final int HIDDEN = 64;

  /** Neurons per layer. */
  public static final int NEURONS = 200;

  /** Token ids are below this. */
  public static final int VOCABULARY = 90;

  private final ModelSpec spec;
  private final Random random = new Random(17);
  private final Map<String, byte[]> replaced = new HashMap<>();
  private final Map<String, byte[]> added = new TreeMap<>();

  private TinyStore(FfnForm form) {
    boolean gated = form == FfnForm.GATED;
    spec =
        new ModelSpec(
            "tiny",
            LAYERS,
            HIDDEN,
            NEURONS,
            4,
            2,
            16,
            VOCABULARY,
            128,
            gated ? NormKind.RMS : NormKind.LAYER,
            1e-5f,
            gated ? Activation.SILU : Activation.RELU2,
            form,
            new Rope(10_000, 16, Scaling.NONE),
            HeadKind.TIED,
            BundleFormat.of(TensorType.F16),
            List.of());
  }

  /** A model of a form: gated SiLU, or ungated ReLU². */
  public static TinyStore of(FfnForm form) {
    return new TinyStore(form);
  }

  /** Writes something else under a key; nothing at all if the value is empty. */
  public TinyStore with(String key, byte[] value) {
    replaced.put(key, value);
    return this;
  }

  /** Writes one more blob. */
  public TinyStore and(String key, byte[] value) {
    added.put(key, value);
    return this;
  }

  /** Writes and publishes the store. */
  public Path write(Path target, StoreWriter.Options options) {
    try (StoreWriter writer = StoreWriter.create(target, spec, options);
        Arena arena = Arena.ofConfined()) {
      dense(writer);
      float[] norms = new float[LAYERS * NEURONS];
      List<List<PackedRows>> planes = new ArrayList<>();
      for (int plane = 0; plane < spec.rowsPerNeuron() - 1; plane++) {
        planes.add(new ArrayList<>());
      }
      for (int layer = 0; layer < LAYERS; layer++) {
        float[][] bundles = bundles();
        layer(writer, layer, bundles);
        for (int i = 0; i < NEURONS; i++) {
          norms[layer * NEURONS + i] = norm(bundles[i]);
        }
        for (int plane = 0; plane < planes.size(); plane++) {
          planes.get(plane).add(packed(bundles, plane, arena));
        }
      }
      blobs(writer, norms, planes);
      writer.publish();
    }
    return target;
  }

  private void dense(StoreWriter writer) {
    int kvSize = spec.kvHeads() * spec.headSize();
    tensor(writer, "embed", 1, VOCABULARY, HIDDEN);
    tensor(writer, "norm.weight", 1, HIDDEN);
    for (int layer = 0; layer < LAYERS; layer++) {
      String prefix = "layers." + layer + ".";
      tensor(writer, prefix + "attention.norm.weight", 1, HIDDEN);
      tensor(writer, prefix + "attention.q.weight", 0.2f, HIDDEN, HIDDEN);
      tensor(writer, prefix + "attention.k.weight", 0.2f, kvSize, HIDDEN);
      tensor(writer, prefix + "attention.v.weight", 0.2f, kvSize, HIDDEN);
      tensor(writer, prefix + "attention.o.weight", 0.2f, HIDDEN, HIDDEN);
      tensor(writer, prefix + "ffn.norm.weight", 1, HIDDEN);
      if (spec.form() == FfnForm.GATED) {
        tensor(writer, prefix + "ffn.gate.bias", 0.3f, NEURONS);
      }
      tensor(writer, prefix + "ffn.up.bias", 0.3f, NEURONS);
      tensor(writer, prefix + "ffn.down.bias", 0.3f, HIDDEN);
    }
  }

  private void tensor(StoreWriter writer, String name, float scale, Integer... shape) {
    int size = 1;
    for (int extent : shape) {
      size *= extent;
    }
    writer.dense(name, TensorType.F16, List.of(shape),
        MemorySegment.ofArray(halves(values(size, scale))));
  }

  /** Values that float16 holds exactly. */
  private float[] values(int count, float scale) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] =
          Float.float16ToFloat(Float.floatToFloat16((float) random.nextGaussian() * scale));
    }
    return values;
  }

  private static byte[] halves(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(2 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putShort(Float.floatToFloat16(value));
    }
    return bytes.array();
  }

  private float[][] bundles() {
    float[][] bundles = new float[NEURONS][];
    for (int i = 0; i < NEURONS; i++) {
      bundles[i] = values(spec.rowsPerNeuron() * HIDDEN, 0.2f);
    }
    return bundles;
  }

  private void layer(StoreWriter writer, int layer, float[][] bundles) {
    int[] order = new int[NEURONS];
    for (int i = 0; i < NEURONS; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    writer.ffnLayer(
        layer, order, (neuron, to) -> to.copyFrom(MemorySegment.ofArray(halves(bundles[neuron]))));
  }

  private static float norm(float[] bundle) {
    double squares = 0;
    for (int j = bundle.length - HIDDEN; j < bundle.length; j++) {
      squares += bundle[j] * (double) bundle[j];
    }
    return (float) Math.sqrt(squares);
  }

  private static PackedRows packed(float[][] bundles, int plane, Arena arena) {
    MemorySegment memory = arena.allocate((long) NEURONS * PackedRows.rowBytes(HIDDEN, 4), 64);
    PackedRows rows = new PackedRows(memory, NEURONS, HIDDEN, 4);
    for (int i = 0; i < NEURONS; i++) {
      rows.pack(i, bundles[i], plane * HIDDEN);
    }
    return rows;
  }

  private void blobs(StoreWriter writer, float[] norms, List<List<PackedRows>> planes) {
    float[] frequency = new float[norms.length];
    for (int i = 0; i < frequency.length; i++) {
      frequency[i] = random.nextFloat();
    }
    List<CettCurve> curves = new ArrayList<>();
    List<QuantisedCopy.Margin> margins = new ArrayList<>();
    List<Float> certain = new ArrayList<>();
    for (int layer = 0; layer < LAYERS; layer++) {
      curves.add(
          new CettCurve(new float[] {0.1f, 1, 10}, new float[] {0.01f, 0.125f, 1}, 65_536 / 128f));
      // A thousandth more than √hidden, for rounding.
      certain.add((float) Math.sqrt(HIDDEN) * 1.001f);
    }
    for (ActiveRule rule : ActiveRule.values()) {
      margins.add(new QuantisedCopy.Margin(rule, rule == ActiveRule.EXACT ? 0 : 0.125, certain));
    }
    blob(writer, StoreKeys.COLUMN_NORMS, Floats.toBytes(norms));
    blob(writer, StoreKeys.FREQUENCY, Floats.toBytes(frequency));
    blob(writer, StoreKeys.curve(ActiveRule.OUTPUT), CettCurve.encode(curves));
    blob(writer, StoreKeys.curve(ActiveRule.GATE), CettCurve.encode(curves));
    blob(
        writer,
        StoreKeys.quantised(4),
        new QuantisedCopy(spec.activation(), planes, margins, 1).encode());
    added.forEach(writer::blob);
    blob(writer, StoreKeys.TARGETS, "{\"output\": 0.125}".getBytes(StandardCharsets.UTF_8));
  }

  private void blob(StoreWriter writer, String key, byte[] value) {
    byte[] written = replaced.getOrDefault(key, value);
    if (written.length > 0) {
      writer.blob(key, written);
    }
  }
}
