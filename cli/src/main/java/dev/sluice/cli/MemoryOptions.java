package dev.sluice.cli;

import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.MemoryPlan;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.Preset;
import dev.sluice.engine.session.PromptFrequency;
import dev.sluice.engine.session.RunShape;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.cache.CachePolicy;
import dev.sluice.storage.posix.MemoryLimit;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import java.util.Optional;
import java.util.OptionalLong;
import picocli.CommandLine.Option;

/** How much RAM a run may use and what stays in it. */
final class MemoryOptions {
  private static final double DEFAULT_PINNED_SHARE = 0.9;

  @Option(
      names = "--ram",
      paramLabel = "SIZE|auto",
      description = "RAM for everything: resident weights, keys and values, predictor, buffers, the JVM, and in what is left "
          + "FFN bundles. Such as 2G or 512M; auto: all that the cgroup allows, or 7/8 of what the system has left.")
  private String ram;

  @Option(
      names = "--ffn-ram",
      paramLabel = "SHARE",
      defaultValue = "50%",
      description = "Without --ram: RAM for FFN bundles and predictor only, as a size or a share of the FFN's weights. "
          + "Default: ${DEFAULT-VALUE}.")
  private String ffnRam;

  @Option(
      names = "--pin",
      paramLabel = "SHARE",
      description = "Share of the slots that hold bundles for good: the most frequent, where the store knows them; the first of "
          + "every layer where all are read. Default: 90 %%, and 100 %% where all are read.")
  private String pin;

  @Option(
      names = "--seed-from-prompt",
      description = "Pin the bundles that fire most often by the trace and by the prompt together, the trace counting like "
          + PromptFrequency.TRACE_TOKENS + " tokens; without a trace, by the prompt.")
  private boolean seededByPrompt;

  /** The split of a ceiling for the whole process, if one was given; before anything large is loaded. */
  Optional<MemoryPlan> ceiling(Store store, PredictorChoice predictor, RunShape shape) {
    if (ram == null) {
      return Optional.empty();
    }
    long bytes = RamCeiling.bytes(ram, MemoryLimit.now());
    MemoryPlan plan = MemoryPlan.ofProcess(store, predictor, shape, bytes);
    RamCeiling.check(bytes, MemoryPlan.floorBytes(store, plan.needs()), MemoryLimit.now());
    return Optional.of(plan);
  }

  /** The ceiling of the whole process, if it has one. */
  OptionalLong ceilingBytes() {
    return ram == null ? OptionalLong.empty()
        : OptionalLong.of(RamCeiling.bytes(ram, MemoryLimit.now()));
  }

  /** The split of what is for FFN bundles and predictor alone. */
  MemoryPlan share(Engine engine, RunShape shape) {
    long bytes =
        ffnRam.endsWith("%")
            ? Math.round(share("--ffn-ram", ffnRam) * MemoryPlan.ffnBytes(engine.store()))
            : size();
    return MemoryPlan.ofFfn(engine, bytes, shape);
  }

  private long size() {
    try {
      return Bytes.parse(ffnRam).count();
    } catch (BadInputException e) {
      throw new BadInputException("--ffn-ram " + ffnRam, "is neither a size nor a share",
          "write it like 512M or 50%", e);
    }
  }

  /** How slots are used by single tokens whose neurons {@code predictor} names. */
  Residency residency(
      MemoryPlan plan, Store store, ActivePredictor predictor, CachePolicy policy,
      Optional<Preset> preset) {
    boolean all = predictor.namesAll();
    boolean hot = store.blobBytes(StoreKeys.FREQUENCY).isPresent();
    double usual = preset.map(Preset::pinnedShare).orElse(all ? 1 : DEFAULT_PINNED_SHARE);
    double share = pin != null ? share("--pin", pin) : usual;
    return new Residency(
        plan.slots(),
        all || hot || seededByPrompt ? (int) Math.round(share * plan.slots()) : 0,
        all ? Residency.Pinning.FIRST
            : seededByPrompt ? Residency.Pinning.MOST_FREQUENT_WITH_PROMPT
            : Residency.Pinning.MOST_FREQUENT,
        policy,
        plan.needs().spillPlaces());
  }

  static double share(String flag, String text) {
    String number = text.endsWith("%") ? text.substring(0, text.length() - 1) : text;
    double scale = text.endsWith("%") ? 100 : 1;
    try {
      double share = Double.parseDouble(number) / scale;
      if (share >= 0 && share <= 1) {
        return share;
      }
    } catch (NumberFormatException e) {
      throw new BadInputException(flag + " " + text, "is no share", "write it like 50%", e);
    }
    throw new BadInputException(flag + " " + text, "is out of range", "give 0% to 100%");
  }
}
