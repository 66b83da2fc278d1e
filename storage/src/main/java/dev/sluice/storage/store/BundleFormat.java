package dev.sluice.storage.store;

import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.tensor.TensorType;

/**
 * How a neuron's bundle is encoded: [gate row |] up row | down column, {@code hidden} elements each, the same in all
 * layers. Rows keep the type they had. A column of a quantised down has lost its scales, which run along neurons in ggml's
 * types: its integers are stored as they were ({@link TensorType#I8}, {@link TensorType#U4} or {@link TensorType#I4}), and for each
 * {@code blockNeurons} consecutive neurons one scale (and minimum) per output stays resident, as dense tensors {@code
 * layers.N.ffn.down.scales} and {@code .mins} of shape [ceil(d_ff / blockNeurons), hidden]: W[j, i] = scales[i /
 * blockNeurons, j] · q + mins[i / blockNeurons, j], where I4's q is the nibble less 8. Immutable.
 *
 * @param gate type of gate rows; that of up where there is no gate
 * @param up type of up rows
 * @param down type of down columns
 * @param blockNeurons neurons that share a scale; 0 when columns bring their own
 * @param gatePlace where gate rows are, if there are any
 */
public record BundleFormat(
    TensorType gate, TensorType up, TensorType down, int blockNeurons, GatePlace gatePlace) {

  /** Where gate rows are kept. Codes are part of the format. */
  public enum GatePlace {
    /** In the bundles. */
    BUNDLE(1),
    /** Resident, as dense tensors of shape [d_ff, hidden] in neuron order: bundles are up | down only. */
    RESIDENT(2);

    private final int code;

    GatePlace(int code) {
      this.code = code;
    }

    /** The number that stands for this place on disk. */
    public int code() {
      return code;
    }

    /**
     * The place with this on-disk code.
     *
     * @throws IllegalArgumentException if none has it
     */
    public static GatePlace ofCode(int code) {
      return switch (code) {
        case 1 -> BUNDLE;
        case 2 -> RESIDENT;
        default -> throw new IllegalArgumentException("unknown place of gate rows, code " + code);
      };
    }
  }

  /** With gate rows, if there are any, in the bundles. */
  public BundleFormat(TensorType gate, TensorType up, TensorType down, int blockNeurons) {
    this(gate, up, down, blockNeurons, GatePlace.BUNDLE);
  }

  /** Name of the dense tensor of a layer's resident gate rows. */
  public static String gateTensor(int layer) {
    return "layers." + layer + ".ffn.gate.weight";
  }

  public BundleFormat {
    boolean scaled =
        switch (down) {
          case I8, U4, I4 -> true;
          default -> false;
        };
    if (scaled != blockNeurons > 0) {
      throw new IllegalArgumentException(
          "columns of type " + down + " with scales per " + blockNeurons + " neurons");
    }
  }

  /** Every element of one type. */
  public static BundleFormat of(TensorType type) {
    return new BundleFormat(type, type, type, 0);
  }

  /** Whether columns need resident scales. */
  public boolean hasResidentScales() {
    return blockNeurons > 0;
  }

  /** Bytes of one gate row. */
  public int gateBytes(int hidden) {
    return Math.toIntExact(gate.bytes(hidden));
  }

  /** Bytes of one up row. */
  public int upBytes(int hidden) {
    return Math.toIntExact(up.bytes(hidden));
  }

  /** Bytes of one down column. */
  public int downBytes(int hidden) {
    return Math.toIntExact(down.bytes(hidden));
  }

  /** Where the up row begins in a bundle. */
  public int upOffsetBytes(FfnForm form, int hidden) {
    return form == FfnForm.GATED && gatePlace == GatePlace.BUNDLE ? gateBytes(hidden) : 0;
  }

  /** Where the down column begins in a bundle. */
  public int downOffsetBytes(FfnForm form, int hidden) {
    return upOffsetBytes(form, hidden) + upBytes(hidden);
  }

  /** Bytes of a bundle without padding. */
  public int bundleBytes(FfnForm form, int hidden) {
    return downOffsetBytes(form, hidden) + downBytes(hidden);
  }

  /** Type of the row that goes into the activation function: gate when gated, up otherwise. */
  public TensorType inner(FfnForm form) {
    return form == FfnForm.GATED ? gate : up;
  }
}
