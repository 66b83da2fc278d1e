package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.checkpoint.WeightFiles.Located;
import dev.sluice.bundler.input.InputFiles;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A Hugging Face checkpoint folder. The bytes of its tokenizer.json are read when it is opened, since they are part of
 * what tells one state of it from another.
 */
final class HfCheckpoint implements Checkpoint {
  private static final int CONFIG_LIMIT_BYTES = 4 << 20;

  /** Piece in which two tensors are compared. */
  private static final long COMPARE_BYTES = 1 << 20;

  private final Path folder;
  private final WeightFiles weights;
  private final Map<String, Located> tensors;
  private final List<String> ignored;
  private final ModelSpec spec;
  private final Map<String, Conversion> conversions = new HashMap<>();
  private final List<DenseWeight> dense;
  private final Optional<byte[]> tokenizerJson;
  private final String configDigest;

  private HfCheckpoint(Path folder, byte[] configJson, HfConfig config, WeightFiles weights) {
    this.folder = folder;
    this.weights = weights;
    TensorMap map = TensorMap.of(config, weights);
    this.tensors = map.byCanonicalName();
    this.ignored = map.ignored();
    this.spec = config.spec(BundleFormat.of(ffnType(config)));
    this.dense = denseWeights(config);
    this.tokenizerJson = TokenizerFile.read(folder);
    this.configDigest = sha256(configJson);
    requireTiedHead(config);
  }

  /**
   * Opens and checks a folder.
   *
   * @throws BadInputException naming the file, and the key or tensor, at fault
   * @throws FaultException if the device fails
   */
  static HfCheckpoint open(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new BadInputException(
          folder, "it is not a folder", "give the folder that holds config.json");
    }
    Path file = folder.resolve("config.json");
    byte[] json = InputFiles.readSmall(file, CONFIG_LIMIT_BYTES);
    HfConfig config = HfConfig.read(file, json);
    WeightFiles weights = WeightFiles.open(folder);
    try {
      return new HfCheckpoint(folder, json, config, weights);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  @Override
  public Path path() {
    return folder;
  }

  @Override
  public ModelSpec spec() {
    return spec;
  }

  @Override
  public Optional<byte[]> tokenizerJson() {
    tokenizerJson.ifPresent(
        json -> TokenizerFile.check(folder.resolve(TokenizerFile.NAME), json, spec.vocabulary()));
    return tokenizerJson.map(byte[]::clone);
  }

  @Override
  public String configDigest() {
    return configDigest;
  }

  @Override
  public String identity() {
    SourceIdentity identity = new SourceIdentity().add(folder.resolve("config.json"), configDigest);
    tokenizerJson.ifPresent(json -> identity.add(folder.resolve(TokenizerFile.NAME), sha256(json)));
    weights.files().forEach(file -> identity.add(file.file(), file.headerDigest()));
    return identity.digest();
  }

  @Override
  public List<DenseWeight> dense() {
    return dense;
  }

  @Override
  public List<String> ignoredTensors() {
    return ignored;
  }

  /** Empty: everything keeps its bits. */
  @Override
  public List<String> notes() {
    return List.of();
  }

  @Override
  public MemorySegment readDense(
      DenseWeight weight, int firstRow, int rows, SegmentAllocator memory) {
    Located located = tensors.get(weight.name());
    Conversion conversion = conversions.get(weight.name());
    if (conversion == Conversion.AS_IS) {
      return read(located, firstRow, rows, memory);
    }
    List<Integer> shape = located.tensor().shape().stream().map(Math::toIntExact).toList();
    return conversion.apply(
        read(located, memory), TensorMap.storedType(located), shape, memory);
  }

  @Override
  public FfnWeights readFfn(int layer, SegmentAllocator memory) {
    Optional<MemorySegment> gate =
        spec.form() == FfnForm.GATED
            ? Optional.of(read(ffn(TensorRule.FFN_GATE, layer), memory))
            : Optional.empty();
    MemorySegment up = read(ffn(TensorRule.FFN_UP, layer), memory);
    MemorySegment downColumns = allocate(ffn(TensorRule.FFN_DOWN, layer), memory);
    MemorySegment down = read(ffn(TensorRule.FFN_DOWN, layer), memory);
    int elementBytes = (int) spec.bundle().down().bytes(1);
    FfnWeights.transpose(down, spec.hidden(), spec.feedForward(), elementBytes, downColumns);
    long rowBytes = spec.bundle().upBytes(spec.hidden());
    return new FfnWeights(
        gate.map(rows -> new FfnWeights.Rows(rows, rowBytes)),
        new FfnWeights.Rows(up, rowBytes),
        new FfnWeights.Rows(downColumns, rowBytes),
        List.of());
  }

  @Override
  public void close() {
    weights.close();
  }

  private Located ffn(String canonical, int layer) {
    return tensors.get(canonical.replace(".N.", "." + layer + "."));
  }

  private static MemorySegment read(Located located, SegmentAllocator memory) {
    return read(located, 0, located.tensor().shape().getFirst(), memory);
  }

  private static MemorySegment read(
      Located located, long firstRow, long rows, SegmentAllocator memory) {
    TensorType type = TensorMap.storedType(located);
    long rowBytes = located.tensor().bytes() / located.tensor().shape().getFirst();
    MemorySegment data = WeightMemory.allocate(memory, rows * rowBytes, located.place());
    located.file().read(located.tensor(), firstRow * rowBytes, data);
    WeightMemory.requireFinite(data, type, located.place(), firstRow * rowBytes / type.bytes(1),
        located.tensor().bytes() / type.bytes(1));
    return data;
  }

  private static MemorySegment allocate(Located located, SegmentAllocator memory) {
    return WeightMemory.allocate(memory, located.tensor().bytes(), located.place());
  }

  /** The one element type of all FFN matrices: bundles hold their bits as they are. */
  private TensorType ffnType(HfConfig config) {
    Located first = ffn(TensorRule.FFN_UP, 0);
    TensorType type = TensorMap.storedType(first);
    for (TensorRule rule : config.architecture().rules()) {
      for (int layer = 0; rule.inBundle() && layer < config.layers(); layer++) {
        Located located = ffn(rule.canonical(), layer);
        if (TensorMap.storedType(located) != type) {
          throw new BadInputException(
              located.place(),
              "its dtype is "
                  + located.tensor().type()
                  + ", but "
                  + first.tensor().name()
                  + " is "
                  + type,
              "convert all FFN weights to one dtype");
        }
      }
    }
    return type;
  }

  private List<DenseWeight> denseWeights(HfConfig config) {
    List<DenseWeight> found = new ArrayList<>();
    for (TensorRule rule : config.architecture().rules()) {
      if (!rule.inBundle() && config.presences().contains(rule.presence())) {
        Conversion conversion = rule.conversion();
        List<Integer> shape =
            conversion.storedShape(rule.shape().stream().map(config::size).toList());
        long elements = shape.stream().mapToLong(Integer::longValue).reduce(1, (a, b) -> a * b);
        for (int layer = 0; layer < (rule.perLayer() ? config.layers() : 1); layer++) {
          String name = rule.canonicalName(layer);
          Located located = tensors.get(name);
          TensorType type = conversion.storedType(TensorMap.storedType(located));
          found.add(
              new DenseWeight(
                  name, located.tensor().name(), type, shape, type.bytes(elements),
                  conversion == Conversion.AS_IS ? 1 : shape.getFirst()));
          conversions.put(name, conversion);
        }
      }
    }
    return List.copyOf(found);
  }

  /**
   * A head beside a tied embedding must be its copy: otherwise configuration and weights contradict
   * each other.
   */
  private void requireTiedHead(HfConfig config) {
    if (config.head() != HeadKind.TIED) {
      return;
    }
    Optional<Located> head =
        config.architecture().rules().stream()
            .filter(rule -> rule.canonical().equals(TensorRule.HEAD))
            .map(rule -> weights.tensors().get(rule.source()))
            .filter(located -> located != null)
            .findFirst();
    if (head.isPresent() && !equal(head.get(), tensors.get(TensorRule.EMBED))) {
      throw new BadInputException(
          head.get().place(),
          "it differs from the embedding, but tie_word_embeddings in config.json is true",
          "set that to false if the model has a head of its own, otherwise remove this tensor");
    }
  }

  private static boolean equal(Located one, Located other) {
    if (one.tensor().type() != other.tensor().type()
        || !one.tensor().shape().equals(other.tensor().shape())) {
      return false;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment left = arena.allocate(COMPARE_BYTES);
      MemorySegment right = arena.allocate(COMPARE_BYTES);
      for (long at = 0; at < one.tensor().bytes(); at += COMPARE_BYTES) {
        long bytes = Math.min(COMPARE_BYTES, one.tensor().bytes() - at);
        one.file().read(one.tensor(), at, left.asSlice(0, bytes));
        other.file().read(other.tensor(), at, right.asSlice(0, bytes));
        if (left.asSlice(0, bytes).mismatch(right.asSlice(0, bytes)) >= 0) {
          return false;
        }
      }
      return true;
    }
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
