package dev.sluice.bench.synth;

import dev.sluice.bundler.coactivation.Activity;
import java.util.List;
import java.util.stream.IntStream;

/** Made-up firings with a profile's statistics, without a model. */
public final class SimulatedActivity {
  private static final int VOCABULARY = 128_000;

  private SimulatedActivity() {}

  /**
   * Firings of layers over one made-up text, each layer planted anew. Layers are simulated in parallel; results depend on the
   * seed alone.
   *
   * @param neurons of each layer
   * @param tokens of the text
   */
  public static List<Activity> layers(Profile profile, int layers, int neurons, int tokens,
      long seed) {
    Planting planting = profile.planting();
    int[] text = new TokenLists(seed, VOCABULARY, planting.topicTokens()).draw(0, tokens);
    return IntStream.range(0, layers).parallel().mapToObj(layer -> {
      LayerPlan plan = LayerPlan.of(planting, neurons, seed, layer);
      return new ActivitySimulation(planting, plan, seed + layer).run(text);
    }).toList();
  }
}
