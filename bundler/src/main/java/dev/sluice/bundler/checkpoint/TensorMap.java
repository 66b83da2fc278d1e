package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.checkpoint.TensorRule.Presence;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.tensor.TensorType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Pairs every tensor that the graph needs with the one in the checkpoint, and judges those left
 * over. Immutable once built.
 */
final class TensorMap {
  private static final Pattern LAYER = Pattern.compile("\\.layers\\.(\\d{1,9})\\.");

  /** Every tensor name and every module name (the part before the last dot) of any architecture. */
  private static final Set<String> KNOWN = known();

  private final HfConfig config;
  private final Map<String, WeightFiles.Located> byCanonicalName = new LinkedHashMap<>();
  private final List<String> ignored = new ArrayList<>();

  private TensorMap(HfConfig config) {
    this.config = config;
  }

  /**
   * Builds the map.
   *
   * @throws BadInputException naming the tensor that is missing, misshapen or has no place in the
   *     graph
   */
  static TensorMap of(HfConfig config, WeightFiles weights) {
    TensorMap map = new TensorMap(config);
    Set<String> used = new HashSet<>();
    for (TensorRule rule : config.architecture().rules()) {
      if (config.presences().contains(rule.presence())) {
        for (int layer = 0; layer < (rule.perLayer() ? config.layers() : 1); layer++) {
          String source = rule.sourceName(layer);
          map.byCanonicalName.put(rule.canonicalName(layer), map.needed(rule, source, weights));
          used.add(source);
        }
      }
    }
    weights.tensors().values().stream()
        .filter(located -> !used.contains(located.tensor().name()))
        .forEach(map::judgeLeftOver);
    return map;
  }

  /** The checkpoint's tensor for each canonical name, grouped by rule, layers ascending. */
  Map<String, WeightFiles.Located> byCanonicalName() {
    return Collections.unmodifiableMap(byCanonicalName);
  }

  /** Names of checkpoint tensors that nothing needs. */
  List<String> ignored() {
    return Collections.unmodifiableList(ignored);
  }

  /** The type a tensor will have in the store. */
  static TensorType storedType(WeightFiles.Located located) {
    return located
        .tensor()
        .type()
        .stored()
        .orElseThrow(
            () -> new BadInputException(
                located.place(),
                "its dtype " + located.tensor().type() + " is not supported",
                "convert the checkpoint to F32, F16 or BF16"));
  }

  private WeightFiles.Located needed(TensorRule rule, String source, WeightFiles weights) {
    WeightFiles.Located located = weights.tensors().get(source);
    if (located == null) {
      throw new BadInputException(
          SafetensorsFile.place(weights.folder(), source),
          "the model needs this tensor, but the weights lack it",
          "fetch all weight files, or correct config.json" + hint(rule.presence()));
    }
    storedType(located);
    List<Long> wanted =
        rule.shape().stream().map(dimension -> (long) config.size(dimension)).toList();
    if (!wanted.equals(located.tensor().shape())) {
      throw new BadInputException(
          located.place(),
          "its shape is " + located.tensor().shape() + ", but config.json makes it " + wanted,
          "use the config.json that came with the weights");
    }
    return located;
  }

  private static String hint(Presence presence) {
    return presence
        .key()
        .map(key -> " (" + key + " is " + (presence != Presence.SEPARATE_HEAD ? "" : "not ")
            + "true)")
        .orElse("");
  }

  private void judgeLeftOver(WeightFiles.Located located) {
    String name = located.tensor().name();
    Matcher matcher = LAYER.matcher(name);
    boolean inLayer = matcher.find();
    String pattern = inLayer ? matcher.replaceFirst(".layers.N.") : name;
    for (TensorRule rule : config.architecture().rules()) {
      if (rule.source().equals(pattern)) {
        judgeUnused(located, rule);
        return;
      }
    }
    boolean weight = name.endsWith(".weight") || name.endsWith(".bias");
    if (KNOWN.contains(pattern) || KNOWN.contains(module(pattern)) || (inLayer && weight)) {
      throw new BadInputException(
          located.place(),
          "the graph of " + config.architecture().className() + " has no place for this weight",
          "check architectures in config.json");
    }
    ignored.add(name);
  }

  private void judgeUnused(WeightFiles.Located located, TensorRule rule) {
    switch (rule.presence()) {
      case SEPARATE_HEAD -> {
        // Tied: a copy of the embedding may be there. Whether it is one is checked where data is
        // read.
        ignored.add(located.tensor().name());
        return;
      }
      case ATTENTION_BIAS, MLP_BIAS, ENABLE_BIAS -> {
        if (!config.presences().contains(rule.presence())) {
          throw new BadInputException(
              located.place(),
              "the weights have this bias, but "
                  + rule.presence().key().orElseThrow()
                  + " in config.json is not true",
              "use the config.json that came with the weights");
        }
      }
      case ALWAYS -> {}
    }
    throw new BadInputException(
        located.place(),
        "it belongs to a layer beyond num_hidden_layers in config.json, which is "
            + config.layers(),
        "use the config.json that came with the weights");
  }

  private static Set<String> known() {
    Set<String> names = new HashSet<>();
    for (Architecture architecture : Architecture.TABLE) {
      for (TensorRule rule : architecture.rules()) {
        names.add(rule.source());
        names.add(module(rule.source()));
      }
    }
    return names;
  }

  private static String module(String name) {
    return name.substring(0, Math.max(0, name.lastIndexOf('.')));
  }
}
