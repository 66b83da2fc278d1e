package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.SlidingWindow;
import java.util.List;
import java.util.stream.IntStream;

/** Reads from config.json which layers see the latest positions only, and how many. */
final class SlidingReader {
  private static final String WINDOW = "sliding_window";
  private static final String LAYER_TYPES = "layer_types";
  private static final String SLIDING = "sliding_attention";
  private static final String FULL = "full_attention";
  private static final int USUAL_PATTERN = 6;
  private static final int USUAL_FIRST_UPPER_LAYER = 28;

  private final ConfigReader config;
  private final Architecture.Sliding sliding;
  private final int layers;

  SlidingReader(ConfigReader config, Architecture.Sliding sliding, int layers) {
    this.config = config;
    this.sliding = sliding;
    this.layers = layers;
  }

  /**
   * @param rope what sliding layers turn by
   * @throws dev.sluice.storage.BadInputException naming config.json and the key
   */
  SlidingWindow read(Rope rope) {
    int positions = config.integerOr(WINDOW, 1, HfConfig.CONTEXT_LIMIT, 0);
    if (positions == 0 || sliding == Architecture.Sliding.NONE) {
      return SlidingWindow.NONE;
    }
    List<Integer> chosen = layers();
    return chosen.isEmpty() ? SlidingWindow.NONE : new SlidingWindow(positions, chosen, rope);
  }

  private List<Integer> layers() {
    return switch (sliding) {
      case NONE -> List.of();
      case ALL -> IntStream.range(0, layers).boxed().toList();
      case UPPER -> {
        if (!config.flag("use_sliding_window").orElse(false)) {
          yield List.of();
        }
        int first =
            config.integerOr("max_window_layers", 0, Integer.MAX_VALUE, USUAL_FIRST_UPPER_LAYER);
        yield config.has(LAYER_TYPES) ? listed()
            : IntStream.range(Math.min(first, layers), layers).boxed().toList();
      }
      case ALL_BUT_SECOND -> config.has(LAYER_TYPES) ? listed() : allButEvery(2);
      case ALL_BUT_SIXTH -> {
        int every =
            config.integerOr("sliding_window_pattern", 1, Integer.MAX_VALUE, USUAL_PATTERN);
        yield config.has(LAYER_TYPES) ? listed() : allButEvery(every);
      }
    };
  }

  private List<Integer> allButEvery(int nth) {
    return IntStream.range(0, layers).filter(layer -> (layer + 1) % nth != 0).boxed().toList();
  }

  private List<Integer> listed() {
    List<String> types = config.strings(LAYER_TYPES);
    if (types.size() != layers) {
      throw config.bad(
          LAYER_TYPES, "it lists " + types.size() + " layers and the model has " + layers);
    }
    for (String type : types) {
      if (!type.equals(SLIDING) && !type.equals(FULL)) {
        throw config.bad(
            LAYER_TYPES, "it is neither " + SLIDING + " nor " + FULL + " but " + Shown.of(type));
      }
    }
    return IntStream.range(0, layers)
        .filter(layer -> types.get(layer).equals(SLIDING))
        .boxed()
        .toList();
  }
}
