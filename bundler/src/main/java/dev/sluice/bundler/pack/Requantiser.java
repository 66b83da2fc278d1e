package dev.sluice.bundler.pack;

import dev.sluice.bundler.quant.BundleDecoder;
import dev.sluice.bundler.quant.LayerRequantisation;
import dev.sluice.bundler.quant.LayerRequantisation.Encoded;
import dev.sluice.bundler.quant.MatrixRequantisation;
import dev.sluice.bundler.quant.Requantisation;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.QuantisationErrors;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Encodes a store's head and then its layers anew one after another as they are bundled, writes what of them is resident (scales of
 * columns, gate rows, matrices of attention), and keeps what it cost. Used by one thread.
 */
final class Requantiser {
  private final Requantisation choice;
  private final LayerRequantisation encoding;
  private final ResidentTensors resident;
  private final ModelSpec spec; // as the store has it
  private final boolean measuresOutput;
  private final List<Double> gate = new ArrayList<>();
  private final List<Double> up = new ArrayList<>();
  private final List<Double> down = new ArrayList<>();
  private final List<Double> output = new ArrayList<>();
  private final List<Double> attention = new ArrayList<>();
  private final List<Double> head = new ArrayList<>();
  private int positions;

  Requantiser(Requantisation choice, Store store, ResidentTensors resident) {
    this.choice = choice;
    this.spec = store.spec();
    this.encoding = new LayerRequantisation(choice, spec);
    this.resident = resident;
    // A norm between h and down would have to be applied first.
    this.measuresOutput = resident.floats("layers.0.ffn.sub_norm.weight").length == 0;
  }

  /** Whether a dense tensor of the store has no place in the new one as it is. */
  static boolean replaces(Requantisation choice, ModelSpec spec, DenseTensor tensor) {
    String name = tensor.name();
    boolean scales = name.endsWith(".ffn.down.scales") || name.endsWith(".ffn.down.mins");
    return choice.down().isPresent() && scales
        || choice.gate().isPresent() && name.endsWith(".ffn.gate.weight")
        || choice.ofMatrix(tensor, spec).isPresent();
  }

  /** Writes the head anew, if it changes. */
  void head(StoreWriter writer) {
    matrices(spec.headTensor(), writer, head);
  }

  /** Writes all resident matrices anew whose names begin so and that change; adds the error of them together. */
  private void matrices(String prefix, StoreWriter writer, List<Double> told) {
    double errors = 0;
    double squares = 0;
    boolean any = false;
    for (DenseTensor tensor : resident.all()) {
      Optional<TensorType> type = choice.ofMatrix(tensor, spec);
      if (type.isPresent() && tensor.name().startsWith(prefix)) {
        try (Arena arena = Arena.ofShared()) {
          MatrixRequantisation anew = new MatrixRequantisation(tensor.type(),
              resident.bytes(tensor.name()), tensor.shape().get(0), tensor.shape().get(1),
              type.get(), arena);
          writer.dense(tensor.name(), type.get(), tensor.shape(), anew);
          errors += anew.squaredErrors();
          squares += anew.squares();
          any = true;
        }
      }
    }
    if (any) {
      told.add(squares == 0 ? 0 : Math.sqrt(errors / squares));
    }
  }

  /**
   * One layer with its bundles as they become; as they are where nothing is to be encoded anew.
   *
   * @param inputs the layer's traced FFN inputs, positions × hidden
   * @param arena for the new bundles; shared
   */
  BundleDecoder layer(int layer, StoredLayer stored, float[] inputs, StoreWriter writer,
      Arena arena) {
    String prefix = "layers." + layer + ".ffn.";
    float[] scales = resident.floats(prefix + "down.scales");
    float[] mins = resident.floats(prefix + "down.mins");
    BundleDecoder before =
        new BundleDecoder(spec, stored.bundles(), resident.bytes(BundleFormat.gateTensor(layer)),
            scales, mins);
    matrices("layers." + layer + ".attention.", writer, attention);
    if (!choice.changesBundles()) {
      return before;
    }
    Encoded encoded = encoding.encode(before, scales, mins, arena);
    writeRows(writer, prefix + "down.scales", TensorType.F16, encoded.scales());
    writeRows(writer, prefix + "down.mins", TensorType.F16, encoded.mins());
    boolean moved = choice.gate().isPresent() || !spec.hasResidentGate();
    if (moved) { // otherwise it was copied with the other tensors
      writeRows(writer, BundleFormat.gateTensor(layer), encoding.spec().bundle().gate(),
          encoded.gate());
    }
    keep(gate, encoded.gateError());
    keep(up, encoded.upError());
    keep(down, encoded.downError());
    if (measuresOutput && inputs.length > 0) {
      boolean gated = spec.form() == ModelSpec.FfnForm.GATED;
      positions = Math.min(LayerRequantisation.outputPositions(), inputs.length / spec.hidden());
      output.add(
          encoded.outputError(before,
              resident.floats(prefix + (gated ? "gate.bias" : "up.bias")),
              gated ? resident.floats(prefix + "up.bias") : new float[0], inputs));
    }
    return encoded.decoder();
  }

  private void writeRows(StoreWriter writer, String name, TensorType type, MemorySegment rows) {
    if (rows.byteSize() > 0) {
      int count = (int) (rows.byteSize() / type.bytes(spec.hidden()));
      writer.dense(name, type, List.of(count, spec.hidden()), rows);
    }
  }

  private static void keep(List<Double> errors, OptionalDouble error) {
    error.ifPresent(errors::add);
  }

  /** What it cost so far. */
  QuantisationErrors errors() {
    return new QuantisationErrors(choice.toString(), positions, gate, up, down, output, attention,
        head);
  }
}
