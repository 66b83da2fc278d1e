package dev.sluice.cli;

import dev.sluice.engine.session.Preset;
import dev.sluice.storage.BadInputException;
import java.util.Optional;
import picocli.CommandLine.Option;

/** {@code --preset NAME}: other systems' ways, where no option says otherwise. */
final class PresetOption {
  @Option(
      names = "--preset",
      paramLabel = "NAME",
      description = "What is predicted, pinned, cached and merged as another system does it, unless an option says otherwise: "
          + "dense-streaming, pinned-half, dejavu, llm-in-a-flash, powerinfer, powerinfer2, ripple, moefication, dip-ca, or sluice. docs/presets.md "
          + "says what each keeps of its paper.")
  private String name;

  Optional<Preset> preset() {
    if (name == null) {
      return Optional.empty();
    }
    Optional<Preset> found = Preset.of(name);
    if (found.isEmpty()) {
      throw new BadInputException("--preset " + name, "there is no such preset",
          "use " + String.join(", ", Preset.keys()));
    }
    return found.filter(preset -> preset != Preset.SLUICE); // which is what runs anyway
  }
}
