package dev.sluice.cli;

import dev.sluice.engine.model.KvCache;
import dev.sluice.storage.BadInputException;
import picocli.CommandLine.Option;

/** How keys and values are kept. */
final class KeyValueOptions {
  @Option(names = "--kv", paramLabel = "FORM", defaultValue = "float16",
      description = "How keys and values are kept: float32, or float16 (rounded, in half of the RAM, as in llama.cpp). "
          + "Default: ${DEFAULT-VALUE}.")
  private String form;

  /** As it was given. */
  String form() {
    return form;
  }

  KvCache.Precision precision() {
    return switch (form) {
      case "float32" -> KvCache.Precision.FLOAT32;
      case "float16" -> KvCache.Precision.FLOAT16;
      default -> throw new BadInputException("--kv " + form, "there is no such form",
          "use float32 or float16");
    };
  }
}
