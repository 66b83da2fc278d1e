package dev.sluice.bundler.quant;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.BundleFormat.GatePlace;
import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.tensor.TensorType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which parts of a model are encoded anew. Rows become ggml's blocks; columns become integers of the same width whose
 * scales stay resident, one per output and block of neurons. Immutable.
 *
 * @param gate type of gate rows, if they change
 * @param up type of up rows, if they change
 * @param down of columns, if they change
 * @param gatePlace where gate rows are then, if they move
 * @param attention type of the q, k, v and output matrices of every layer, if they change
 * @param head type of the head, if it changes; of a tied one that of the embedding too
 */
public record Requantisation(
    Optional<TensorType> gate, Optional<TensorType> up, Optional<Columns> down,
    Optional<GatePlace> gatePlace, Optional<TensorType> attention, Optional<TensorType> head) {
  private static final Pattern PART =
      Pattern.compile("(gate|up|down|attention|head)=(q8_0|q4_0|q4_1)(?::([1-9][0-9]{0,4}))?");
  private static final Pattern ATTENTION_MATRIX =
      Pattern.compile("layers\\.[0-9]+\\.attention\\.[qkvo]\\.weight");
  private static final int MAX_BLOCK_NEURONS = 1024;

  /** Every part stays as it is. */
  public static final Requantisation NONE =
      new Requantisation(
          Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(),
          Optional.empty(), Optional.empty());

  /**
   * How columns are fitted.
   *
   * @param levels Q8_0, Q4_0 or Q4_1: the width of integers, and whether minimums are kept
   * @param blockNeurons consecutive neurons that share scales
   */
  public record Columns(TensorType levels, int blockNeurons) {
    /** The type of the integers in a bundle. */
    TensorType stored() {
      return switch (levels) {
        case Q8_0 -> TensorType.I8;
        case Q4_0 -> TensorType.I4;
        case Q4_1 -> TensorType.U4;
        default -> throw new IllegalArgumentException("no columns of " + levels);
      };
    }
  }

  /**
   * Reads {@code down=q4_0}, {@code down=q4_0:128} (neurons that share scales), {@code up=q8_0}, {@code gate=q4_1}, {@code
   * attention=q4_0}, {@code head=q8_0}.
   *
   * @throws BadInputException if it is something else
   */
  public static Requantisation parse(List<String> parts) {
    Map<String, TensorType> types = new HashMap<>();
    Optional<Columns> down = Optional.empty();
    for (String part : parts) {
      Matcher matcher = PART.matcher(part);
      if (!matcher.matches()) {
        throw bad(part, "is not understood");
      }
      TensorType type = TensorType.valueOf(matcher.group(2).toUpperCase(Locale.ROOT));
      if (types.put(matcher.group(1), type) != null) {
        throw bad(part, "names a part twice");
      }
      String neurons = matcher.group(3);
      if (matcher.group(1).equals("down")) {
        int block = neurons == null ? type.blockElements() : Integer.parseInt(neurons);
        if (block > MAX_BLOCK_NEURONS) {
          throw bad(part, "shares scales among more than " + MAX_BLOCK_NEURONS + " neurons");
        }
        down = Optional.of(new Columns(type, block));
      } else if (neurons != null) {
        throw bad(part, "names a block of neurons, but rows have blocks of their own");
      }
    }
    return new Requantisation(Optional.ofNullable(types.get("gate")),
        Optional.ofNullable(types.get("up")), down, Optional.empty(),
        Optional.ofNullable(types.get("attention")), Optional.ofNullable(types.get("head")));
  }

  private static BadInputException bad(String part, String what) {
    return new BadInputException("--quant " + part, what,
        "give parts such as down=q4_0, down=q4_0:128, up=q8_0, gate=q4_1, attention=q4_0 or head=q8_0");
  }

  /** The same with gate rows kept resident. */
  public Requantisation withResidentGate() {
    return new Requantisation(gate, up, down, Optional.of(GatePlace.RESIDENT), attention, head);
  }

  /** Whether bundles do not stay as they are. */
  public boolean changesBundles() {
    return gate.isPresent() || up.isPresent() || down.isPresent() || gatePlace.isPresent();
  }

  /** Whether any weight is encoded anew. */
  public boolean changesTypes() {
    return !parts().isEmpty();
  }

  /** The type that a resident matrix of attention or the head gets; empty if it stays as it is. */
  public Optional<TensorType> ofMatrix(DenseTensor tensor, ModelSpec spec) {
    Optional<TensorType> type = tensor.name().equals(spec.headTensor()) ? head
        : ATTENTION_MATRIX.matcher(tensor.name()).matches() ? attention : Optional.empty();
    return type.filter(other -> other != tensor.type());
  }

  /**
   * The model with its bundles as they become.
   *
   * @throws BadInputException if the model has no such part, or its width does not fit the types
   */
  public ModelSpec applyTo(ModelSpec spec) {
    boolean gated = spec.form() == FfnForm.GATED;
    if (gate.isPresent() && !gated) {
      throw new BadInputException("--quant " + this, "the model has no gate",
          "leave gate out");
    }
    if (gatePlace.isPresent() && !gated) {
      throw new BadInputException("--resident-gate", "the model has no gate", "leave it out");
    }
    BundleFormat old = spec.bundle();
    TensorType newUp = up.orElse(old.up());
    BundleFormat format =
        new BundleFormat(
            gated ? gate.orElse(old.gate()) : newUp,
            newUp,
            down.map(Columns::stored).orElse(old.down()),
            down.map(Columns::blockNeurons).orElse(old.blockNeurons()),
            gatePlace.orElse(old.gatePlace()));
    for (TensorType type : List.of(format.gate(), format.up(), format.down())) {
      requireWholeBlocks(spec.hidden(), type);
    }
    attention.ifPresent(type -> {
      requireWholeBlocks(spec.hidden(), type);
      requireWholeBlocks(spec.heads() * spec.headSize(), type); // rows of the output matrix
    });
    head.ifPresent(type -> requireWholeBlocks(spec.hidden(), type));
    return spec.withBundle(format);
  }

  private void requireWholeBlocks(int width, TensorType type) {
    if (width % type.blockElements() != 0) {
      throw new BadInputException("--quant " + this,
          "rows of " + width + " elements are no whole number of blocks of "
              + type.blockElements(),
          "leave that part as it is");
    }
  }

  /** As {@link #parse} reads it, parts joined by commas; places are left out. */
  @Override
  public String toString() {
    return String.join(",", parts());
  }

  private List<String> parts() {
    List<String> parts = new ArrayList<>();
    gate.ifPresent(type -> parts.add("gate=" + name(type)));
    up.ifPresent(type -> parts.add("up=" + name(type)));
    down.ifPresent(
        columns -> parts.add("down=" + name(columns.levels) + ":" + columns.blockNeurons));
    attention.ifPresent(type -> parts.add("attention=" + name(type)));
    head.ifPresent(type -> parts.add("head=" + name(type)));
    return parts;
  }

  private static String name(TensorType type) {
    return type.name().toLowerCase(Locale.ROOT);
  }
}
