package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.checkpoint.GgufArchitecture.HeadRows;
import dev.sluice.bundler.checkpoint.gguf.GgufFile;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.tensor.TensorDecoder;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A model in one GGUF file. */
final class GgufCheckpoint implements Checkpoint {
  private static final Pattern LAYER = Pattern.compile("^blk\\.(\\d{1,9})\\.");

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final GgufFile file;
  private final GgufModel model;
  private final Map<String, GgufFile.Tensor> tensors = new LinkedHashMap<>(); // by canonical name
  private final List<DenseWeight> dense = new ArrayList<>();
  private final List<String> ignored = new ArrayList<>();
  private final FfnEncoding encoding;
  private final ModelSpec spec;
  private final String digest;

  private GgufCheckpoint(GgufFile file) {
    this.file = file;
    this.model = GgufModel.read(file);
    List<GgufRule> rules = model.architecture().rules();
    Map<String, GgufFile.Tensor> unused = new LinkedHashMap<>(file.tensors());
    unused.remove(GgufModel.ROPE_FACTORS);
    for (GgufRule rule : rules) {
      for (int layer = 0; layer < (rule.perLayer() ? model.layers() : 1); layer++) {
        find(rule, layer).ifPresent(tensor -> unused.remove(tensor.name()));
      }
    }
    unused.values().forEach(this::judgeLeftOver);
    this.encoding =
        FfnEncoding.of(
            types(model.architecture().family().form() == FfnForm.GATED ? TensorRule.FFN_GATE
                : TensorRule.FFN_UP),
            types(TensorRule.FFN_UP),
            types(TensorRule.FFN_DOWN),
            model.hidden());
    this.spec = model.spec(encoding.format());
    this.digest = file.headerDigest();
  }

  /**
   * Opens and checks a file.
   *
   * @throws BadInputException naming the file, and the key or tensor, at fault
   * @throws FaultException if the device fails
   */
  static GgufCheckpoint open(Path path) {
    GgufFile file = GgufFile.open(path);
    try {
      return new GgufCheckpoint(file);
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  @Override
  public Path path() {
    return file.file();
  }

  @Override
  public ModelSpec spec() {
    return spec;
  }

  @Override
  public Optional<byte[]> tokenizerJson() {
    Optional<byte[]> json = GgufTokenizer.json(file.metadata(), model.vocabulary());
    json.ifPresent(bytes -> TokenizerFile.check(file.file(), bytes, model.vocabulary()));
    return json;
  }

  /** SHA-256 of metadata and tensor list. */
  @Override
  public String configDigest() {
    return digest;
  }

  @Override
  public String identity() {
    return new SourceIdentity().add(file.file(), digest).digest();
  }

  @Override
  public List<DenseWeight> dense() {
    return List.copyOf(dense);
  }

  @Override
  public List<String> ignoredTensors() {
    return List.copyOf(ignored);
  }

  @Override
  public List<String> notes() {
    return encoding.notes();
  }

  @Override
  public MemorySegment readDense(
      DenseWeight weight, int firstRow, int rows, SegmentAllocator memory) {
    GgufFile.Tensor tensor = tensors.get(weight.name());
    int heads = interleavedHeads(weight.name());
    if (heads == 0) {
      return read(tensor, firstRow, rows, memory);
    }
    MemorySegment halves = WeightMemory.allocate(memory, tensor.bytes(), file.place(tensor));
    try (Arena whileSeparating = Arena.ofConfined()) {
      HeadRowOrder.separate(read(tensor, whileSeparating), heads, model.headSize(), halves);
    }
    return halves;
  }

  @Override
  public FfnWeights readFfn(int layer, SegmentAllocator memory) {
    Optional<FfnWeights.Rows> gate =
        spec.form() == FfnForm.GATED
            ? Optional.of(rows(ffn(TensorRule.FFN_GATE, layer), encoding.format().gate(), memory))
            : Optional.empty();
    FfnWeights.Rows up = rows(ffn(TensorRule.FFN_UP, layer), encoding.format().up(), memory);
    DownColumns.Turned down = columns(layer, memory);
    return new FfnWeights(gate, up, down.columns(), down.scales());
  }

  @Override
  public void close() {
    file.close();
  }

  /** Rows as they are, or decoded where layers have no type in common. */
  private FfnWeights.Rows rows(GgufFile.Tensor tensor, TensorType wanted, SegmentAllocator memory) {
    MemorySegment data =
        storedType(tensor) == wanted ? read(tensor, memory) : decoded(tensor, wanted, memory);
    return new FfnWeights.Rows(data, wanted.bytes(model.hidden()));
  }

  private DownColumns.Turned columns(int layer, SegmentAllocator memory) {
    GgufFile.Tensor tensor = ffn(TensorRule.FFN_DOWN, layer);
    TensorType type = encoding.format().down();
    long columnBytes = type.bytes(model.hidden());
    MemorySegment columns =
        WeightMemory.allocate(
            memory, columnBytes * model.feedForward(), file.place(tensor));
    if (encoding.format().hasResidentScales()) {
      return DownColumns.turn(storedType(tensor), read(tensor, memory), model.hidden(),
          model.feedForward(), encoding.format(), layer, columns, memory);
    }
    MemorySegment down =
        storedType(tensor) == type ? read(tensor, memory) : decoded(tensor, type, memory);
    FfnWeights.transpose(
        down, model.hidden(), model.feedForward(), (int) type.bytes(1), columns);
    return new DownColumns.Turned(new FfnWeights.Rows(columns, columnBytes), List.of());
  }

  private MemorySegment read(GgufFile.Tensor tensor, SegmentAllocator memory) {
    return read(tensor, 0, tensor.shape().getFirst(), memory);
  }

  private MemorySegment read(
      GgufFile.Tensor tensor, long firstRow, long rows, SegmentAllocator memory) {
    long allRows = tensor.shape().getFirst();
    long elements = tensor.shape().stream().reduce(1L, (a, b) -> a * b);
    long fromBytes = tensor.bytes() * firstRow / allRows; // a vector of blocks has no whole row
    long bytes = tensor.bytes() * rows / allRows;
    MemorySegment data = WeightMemory.allocate(memory, bytes, file.place(tensor));
    file.read(tensor, fromBytes, data);
    WeightMemory.requireFinite(data, storedType(tensor), file.place(tensor),
        elements / allRows * firstRow, elements);
    return data;
  }

  /** The whole matrix as F32 or rounded to F16. */
  private MemorySegment decoded(GgufFile.Tensor tensor, TensorType wanted,
      SegmentAllocator memory) {
    int rows = tensor.shape().getFirst().intValue();
    int columns = tensor.shape().getLast().intValue();
    TensorType type = storedType(tensor);
    MemorySegment target =
        WeightMemory.allocate(
            memory, wanted.bytes((long) rows * columns), file.place(tensor));
    float[] row = new float[columns];
    try (Arena whileDecoding = Arena.ofConfined()) {
      MemorySegment data = read(tensor, whileDecoding);
      for (int i = 0; i < rows; i++) {
        TensorDecoder.decode(type, data, i * type.bytes(columns), row, 0, columns);
        long at = i * wanted.bytes(columns);
        for (int j = 0; j < columns; j++) {
          if (wanted == TensorType.F16) {
            target.set(SHORT, at + 2L * j, Float.floatToFloat16(row[j]));
          } else {
            target.set(FLOAT, at + 4L * j, row[j]);
          }
        }
      }
    }
    WeightMemory.requireFinite(target, wanted, file.place(tensor));
    return target;
  }

  /** Heads of a tensor whose rows stand interleaved in the file; 0 for all others. */
  private int interleavedHeads(String canonical) {
    if (model.architecture().headRows() != HeadRows.INTERLEAVED) {
      return 0;
    }
    if (canonical.contains(".attention.q.")) {
      return model.heads();
    }
    return canonical.contains(".attention.k.") ? model.kvHeads() : 0;
  }

  private GgufFile.Tensor ffn(String canonical, int layer) {
    return tensors.get(canonical.replace(".N.", "." + layer + "."));
  }

  private List<TensorType> types(String canonical) {
    List<TensorType> types = new ArrayList<>();
    for (int layer = 0; layer < model.layers(); layer++) {
      types.add(storedType(ffn(canonical, layer)));
    }
    return types;
  }

  private TensorType storedType(GgufFile.Tensor tensor) {
    return tensor
        .type()
        .stored()
        .orElseThrow(
            () -> new BadInputException(
                file.place(tensor),
                "its type " + tensor.type() + " is not supported",
                "quantise the model to Q8_0, Q4_0 or a k-quant"));
  }

  private Optional<GgufFile.Tensor> find(GgufRule rule, int layer) {
    String source = rule.sourceName(layer);
    GgufFile.Tensor tensor = file.tensors().get(source);
    if (tensor == null) {
      if (rule.need() == GgufRule.Need.OPTIONAL) {
        return Optional.empty();
      }
      throw new BadInputException(
          GgufFile.place(file.file(), source),
          "the model needs this tensor, but the file lacks it",
          "fetch or convert the file again");
    }
    TensorType type = storedType(tensor);
    List<Integer> shape = rule.shape().stream().map(model::size).toList();
    if (!shape.stream().map(Integer::longValue).toList().equals(tensor.shape())) {
      throw new BadInputException(
          file.place(tensor),
          "its shape is " + tensor.shape() + ", but the metadata make it " + shape,
          "fetch or convert the file again");
    }
    tensors.put(rule.canonicalName(layer), tensor);
    if (!rule.inBundle()) {
      String canonical = rule.canonicalName(layer);
      int together = shape.size() == 1 || interleavedHeads(canonical) > 0 ? shape.getFirst() : 1;
      dense.add(new DenseWeight(canonical, source, type, shape, tensor.bytes(), together));
    }
    return Optional.of(tensor);
  }

  private void judgeLeftOver(GgufFile.Tensor tensor) {
    Matcher layer = LAYER.matcher(tensor.name());
    if (layer.find() && Integer.parseInt(layer.group(1)) >= model.layers()) {
      throw new BadInputException(
          file.place(tensor),
          "it belongs to a layer beyond block_count, which is " + model.layers(),
          "fetch or convert the file again");
    }
    if (tensor.name().endsWith(".weight") || tensor.name().endsWith(".bias")
        || tensor.name().endsWith(".scale")) {
      throw new BadInputException(
          file.place(tensor),
          "the graph of " + model.architecture().name() + " has no place for this weight",
          "use another model");
    }
    ignored.add(tensor.name());
  }
}
