package dev.sluice.engine.ffn;

import dev.sluice.engine.model.Model;
import dev.sluice.engine.model.ResidentMatrix;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.ModelSpec;
import java.util.Optional;

/** Gate rows that stay in memory instead of in bundles, see {@link BundleFormat.GatePlace}. */
final class ResidentGate {
  private ResidentGate() {}

  /** The gate rows of every layer, neurons × hidden in neuron order; empty where they are in bundles or there are none. */
  static Optional<ResidentMatrix[]> of(Model model) {
    ModelSpec spec = model.spec();
    if (!spec.hasResidentGate()) {
      return Optional.empty();
    }
    ResidentMatrix[] layers = new ResidentMatrix[spec.layers()];
    for (int layer = 0; layer < layers.length; layer++) {
      layers[layer] =
          model.requiredMatrix(BundleFormat.gateTensor(layer), spec.feedForward(), spec.hidden());
    }
    return Optional.of(layers);
  }
}
