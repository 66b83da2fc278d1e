package dev.sluice.bundler.quant;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.BundleFormat.GatePlace;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.tensor.TensorType;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which parts of a bundle are encoded anew. Rows become ggml's blocks; columns become integers of the same width whose
 * scales stay resident, one per output and block of neurons. Immutable.
 *
 * @param gate type of gate rows, if they change
 * @param up type of up rows, if they change
 * @param down of columns, if they change
 * @param gatePlace where gate rows are then, if they move
 */
public record Requantisation(
    Optional<TensorType> gate, Optional<TensorType> up, Optional<Columns> down,
    Optional<GatePlace> gatePlace) {
  private static final Pattern PART =
      Pattern.compile("(gate|up|down)=(q8_0|q4_0|q4_1)(?::([1-9][0-9]{0,4}))?");
  private static final int MAX_BLOCK_NEURONS = 1024;

  /** Every part stays as it is. */
  public static final Requantisation NONE =
      new Requantisation(
          Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());

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
   * Reads {@code down=q4_0}, {@code down=q4_0:128} (neurons that share scales), {@code up=q8_0}, {@code gate=q4_1}.
   *
   * @throws BadInputException if it is something else
   */
  public static Requantisation parse(List<String> parts) {
    Optional<TensorType> gate = Optional.empty();
    Optional<TensorType> up = Optional.empty();
    Optional<Columns> down = Optional.empty();
    for (String part : parts) {
      Matcher matcher = PART.matcher(part);
      if (!matcher.matches()) {
        throw bad(part, "is not understood");
      }
      TensorType type = TensorType.valueOf(matcher.group(2).toUpperCase(Locale.ROOT));
      String neurons = matcher.group(3);
      boolean rows = !matcher.group(1).equals("down");
      if (rows && neurons != null) {
        throw bad(part, "names a block of neurons, but rows have blocks of their own");
      }
      int block = neurons == null ? type.blockElements() : Integer.parseInt(neurons);
      if (block > MAX_BLOCK_NEURONS) {
        throw bad(part, "shares scales among more than " + MAX_BLOCK_NEURONS + " neurons");
      }
      boolean again =
          switch (matcher.group(1)) {
            case "gate" -> gate.isPresent();
            case "up" -> up.isPresent();
            default -> down.isPresent();
          };
      if (again) {
        throw bad(part, "names a part twice");
      }
      switch (matcher.group(1)) {
        case "gate" -> gate = Optional.of(type);
        case "up" -> up = Optional.of(type);
        default -> down = Optional.of(new Columns(type, block));
      }
    }
    return new Requantisation(gate, up, down, Optional.empty());
  }

  private static BadInputException bad(String part, String what) {
    return new BadInputException("--quant " + part, what,
        "give parts such as down=q4_0, down=q4_0:128, up=q8_0 or gate=q4_1");
  }

  /** The same with gate rows kept resident. */
  public Requantisation withResidentGate() {
    return new Requantisation(gate, up, down, Optional.of(GatePlace.RESIDENT));
  }

  /** Whether nothing changes. */
  public boolean isNone() {
    return equals(NONE);
  }

  /** Whether any weight is encoded anew. */
  public boolean changesTypes() {
    return gate.isPresent() || up.isPresent() || down.isPresent();
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
          "name up and down only");
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
      if (spec.hidden() % type.blockElements() != 0) {
        throw new BadInputException("--quant " + this,
            "rows of " + spec.hidden() + " elements are no whole number of blocks of "
                + type.blockElements(),
            "leave that part as it is");
      }
    }
    return spec.withBundle(format);
  }

  /** As {@link #parse} reads it, parts joined by commas; places are left out. */
  @Override
  public String toString() {
    List<String> parts = new ArrayList<>();
    gate.ifPresent(type -> parts.add("gate=" + name(type)));
    up.ifPresent(type -> parts.add("up=" + name(type)));
    down.ifPresent(
        columns -> parts.add("down=" + name(columns.levels) + ":" + columns.blockNeurons));
    return String.join(",", parts);
  }

  private static String name(TensorType type) {
    return type.name().toLowerCase(Locale.ROOT);
  }
}
