package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.QuantisationErrors;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** What encoding weights anew cost, for a person. */
final class QuantisationText {
  private QuantisationText() {}

  /** A line for each part, and one for the FFN's output; none if the store's weights are as they were. */
  static List<String> of(Store store) {
    List<String> lines = new ArrayList<>();
    store.blob(StoreKeys.QUANTISATION).ifPresent(json -> lines.addAll(lines(store, json)));
    return lines;
  }

  private static List<String> lines(Store store, byte[] json) {
    QuantisationErrors errors;
    try {
      errors = QuantisationErrors.decode(json);
    } catch (IllegalArgumentException e) {
      throw new BadInputException(store.folder(), e.getMessage(), "bundle it again", e);
    }
    List<String> lines = new ArrayList<>();
    lines.add("quantised " + errors.parts() + "; relative RMS errors by layer, %:");
    for (String name : errors.names()) {
      String what =
          name.equals("output")
              ? "FFN output, " + errors.positions() + " traced positions" : name;
      lines.add(
          what + ": "
              + errors.of(name).stream().map(e -> String.format(Locale.ROOT, "%.2f", 100 * e))
                  .collect(Collectors.joining(" ")));
    }
    return lines;
  }
}
