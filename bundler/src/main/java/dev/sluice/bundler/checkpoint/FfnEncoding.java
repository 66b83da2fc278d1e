package dev.sluice.bundler.checkpoint;

import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.tensor.ScaledBlocks;
import dev.sluice.storage.tensor.TensorType;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Chooses one encoding for the bundles of all layers from the types that their matrices have. Rows keep theirs; if layers
 * differ they become F32 where all are floating-point, and F16 otherwise, which is said. Columns of down are lossless
 * always: floating-point ones keep their type (F32 if they differ), quantised ones keep their integers, as nibbles where
 * four bits hold those of every layer, with scales for the smallest group of neurons that any layer has; a mixture of
 * both is F32.
 *
 * @param notes what is not as in the checkpoint
 */
record FfnEncoding(BundleFormat format, List<String> notes) {

  FfnEncoding {
    notes = List.copyOf(notes);
  }

  /**
   * @param gate types of gate over the layers; those of up where there is none
   * @param hidden elements of a row and of a column
   */
  static FfnEncoding of(
      List<TensorType> gate, List<TensorType> up, List<TensorType> down, int hidden) {
    List<String> notes = new ArrayList<>();
    TensorType gateType = rows("gate", gate, notes);
    TensorType upType = rows("up", up, gate.equals(up) ? new ArrayList<>() : notes);
    return new FfnEncoding(columns(gateType, upType, down, hidden), notes);
  }

  private static TensorType rows(String role, List<TensorType> types, List<String> notes) {
    Set<TensorType> different = EnumSet.copyOf(types);
    if (different.size() == 1) {
      return types.getFirst();
    }
    if (different.stream().allMatch(TensorType::isFloat)) {
      return TensorType.F32;
    }
    String names = different.stream().map(TensorType::name).collect(Collectors.joining(", "));
    notes.add(
        "FFN rows (" + role + ") are of different types in different layers (" + names
            + ") and were rounded to F16");
    return TensorType.F16;
  }

  private static BundleFormat columns(
      TensorType gate, TensorType up, List<TensorType> down, int hidden) {
    Set<TensorType> different = EnumSet.copyOf(down);
    if (different.stream().anyMatch(TensorType::isFloat)) {
      TensorType type = different.size() == 1 ? down.getFirst() : TensorType.F32;
      return new BundleFormat(gate, up, type, 0);
    }
    int blockNeurons =
        different.stream().mapToInt(ScaledBlocks::groupElements).min().orElseThrow();
    boolean nibbles = hidden % 2 == 0 && different.stream().allMatch(FfnEncoding::fitsNibbles);
    return new BundleFormat(
        gate, up, nibbles ? TensorType.U4 : TensorType.I8, blockNeurons);
  }

  private static boolean fitsNibbles(TensorType type) {
    return switch (type) {
      case Q4_0, Q4_1, Q2_K, Q3_K, Q4_K -> true;
      case Q8_0, Q5_0, Q5_1, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4 -> false;
      case F32, F16, BF16, I8, U4, I4 ->
          throw new IllegalArgumentException(type + " has no scales");
    };
  }
}
