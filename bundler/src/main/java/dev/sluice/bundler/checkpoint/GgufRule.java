package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.checkpoint.TensorRule.Dimension;
import java.util.List;

/**
 * How one kind of tensor is named in a GGUF file, shaped and called in a store. Names of per-layer tensors hold {@code
 * .N.} where the layer number goes.
 *
 * @param canonical name in the store; the three {@code FFN_*} names of {@link TensorRule} go into bundles instead
 * @param source name in the file
 * @param shape outermost dimension first
 */
record GgufRule(String canonical, String source, List<Dimension> shape, Need need) {

  /** Whether a file must have the tensor: nothing in its metadata says which of the optional ones it has. */
  enum Need {
    REQUIRED,
    OPTIONAL
  }

  GgufRule {
    shape = List.copyOf(shape);
  }

  boolean perLayer() {
    return source.contains(".N.");
  }

  boolean inBundle() {
    return canonical.equals(TensorRule.FFN_GATE) || canonical.equals(TensorRule.FFN_UP)
        || canonical.equals(TensorRule.FFN_DOWN);
  }

  String canonicalName(int layer) {
    return canonical.replace(".N.", "." + layer + ".");
  }

  String sourceName(int layer) {
    return source.replace(".N.", "." + layer + ".");
  }
}
