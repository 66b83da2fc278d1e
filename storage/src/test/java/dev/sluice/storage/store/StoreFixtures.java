package dev.sluice.storage.store;

import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.AttentionForm;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.NormKind;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scales;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.ModelSpec.ScalingKind;
import dev.sluice.storage.store.ModelSpec.SlidingWindow;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;

/** Tiny models whose every byte follows from a seed. */
final class StoreFixtures {
  static final byte[] TOKENIZER = "{\"model\":{\"vocab\":{}}}".getBytes(StandardCharsets.UTF_8);
  static final byte[] BLOB = {1, 2, 3, -4};
  static final Provenance PROVENANCE =
      new Provenance(
          "checkpoint tiny", "ab12", "greedy-path", Long.MIN_VALUE + 5, Map.of("b", "2", "a", "ü"));

  private StoreFixtures() {}

  static ModelSpec spec(FfnForm form, TensorType type) {
    return new ModelSpec(
        "arcee",
        2,
        24,
        37,
        4,
        2,
        6,
        50,
        128,
        NormKind.RMS,
        1e-5f,
        Activation.RELU2,
        form,
        new Rope(10_000, 6, Scaling.NONE),
        HeadKind.TIED,
        BundleFormat.of(type),
        List.of(0, 7));
  }

  /** The same with a value of its own in every field that version 2 brought. */
  static ModelSpec temperedSpec(FfnForm form, TensorType type) {
    ModelSpec plain = spec(form, type);
    Rope yarn = new Rope(500_000, 4, new Scaling(ScalingKind.YARN, 8, 1, 32, 64, 1.25));
    return new ModelSpec(
        "gemma",
        plain.layers(),
        plain.hidden(),
        plain.feedForward(),
        plain.heads(),
        plain.kvHeads(),
        plain.headSize(),
        plain.vocabulary(),
        plain.contextLength(),
        plain.norm(),
        plain.normEpsilon(),
        plain.activation(),
        form,
        plain.rope(),
        plain.head(),
        BundleFormat.of(type),
        plain.endOfTextIds(),
        new AttentionForm(0.0625f, 50, new SlidingWindow(16, List.of(1), yarn)),
        new Scales(4.5f, 0.25f, 30));
  }

  /** The same with gate rows outside the bundles, which version 3 brought. */
  static ModelSpec residentGateSpec() {
    return temperedSpec(FfnForm.GATED, TensorType.F16)
        .withBundle(
            new BundleFormat(TensorType.F16, TensorType.F32, TensorType.F32, 0,
                BundleFormat.GatePlace.RESIDENT));
  }

  /** Writes all of a tiny store but does not publish it. */
  static void fill(StoreWriter writer, ModelSpec spec, long seed) {
    writer.tokenizerJson(TOKENIZER);
    writer.blob("curve/output", BLOB);
    writer.provenance(PROVENANCE);
    dense(spec, seed)
        .forEach(
            (name, data) -> writer.dense(
                name, TensorType.F16, List.of(data.length / 2), MemorySegment.ofArray(data)));
    for (int layer = 0; layer < spec.layers(); layer++) {
      int current = layer;
      writer.ffnLayer(
          layer,
          order(spec, seed, layer),
          (neuron, target) -> target
              .copyFrom(MemorySegment.ofArray(bundle(spec, seed, current, neuron))));
    }
  }

  static Path write(Path target, ModelSpec spec, StoreWriter.Options options, long seed) {
    try (StoreWriter writer = StoreWriter.create(target, spec, options)) {
      fill(writer, spec, seed);
      writer.publish();
    }
    return target;
  }

  static Path write(Path target, Container container, long seed) {
    StoreWriter.Options options =
        new StoreWriter.Options(container, Arrangement.BUNDLED, 0, Existing.REFUSE);
    return write(target, spec(FfnForm.GATED, TensorType.F16), options, seed);
  }

  static Map<String, byte[]> dense(ModelSpec spec, long seed) {
    return new TreeMap<>(
        Map.of(
            "embed", random(seed, 900, spec.vocabulary() * spec.hidden() * 2),
            "norm.weight", random(seed, 901, spec.hidden() * 2),
            "layers.0.attention.q.weight", random(seed, 902, 38)));
  }

  static byte[] bundle(ModelSpec spec, long seed, int layer, int neuron) {
    return random(seed, layer * 1000L + neuron, spec.bundleBytes());
  }

  static int[] order(ModelSpec spec, long seed, int layer) {
    int[] order = new int[spec.feedForward()];
    Random random = new Random(seed * 31 + layer);
    for (int i = 0; i < order.length; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  private static byte[] random(long seed, long stream, int bytes) {
    byte[] result = new byte[bytes];
    new Random(seed * 1_000_003 + stream).nextBytes(result);
    return result;
  }

  /** Reads a bundle from disk the way a block reader does: by the layout's offsets alone. */
  static byte[] readBundle(FfnLayout ffn, int layer, int position) {
    ByteBuffer bundle = ByteBuffer.allocate(ffn.bundleBytes());
    try (FileChannel channel = FileChannel.open(ffn.file())) {
      for (FfnLayout.Part part : ffn.layers().get(layer)) {
        ByteBuffer target = bundle.slice(part.offsetInBundleBytes(), part.bytes());
        long offset = part.baseOffsetBytes() + (long) position * part.strideBytes();
        while (target.hasRemaining() && channel.read(target, offset + target.position()) >= 0) {
          continue;
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bundle.array();
  }

  static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    for (Path file : list(from)) {
      Files.copy(file, to.resolve(file.getFileName()));
    }
  }

  static List<Path> list(Path folder) throws IOException {
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder)) {
      stream.forEach(files::add);
    }
    return new ArrayList<>(new TreeSet<>(files));
  }
}
