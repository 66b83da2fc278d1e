package dev.sluice.storage.cache;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Random lives of a window cache, each step compared with {@link NaiveWindow}. */
class WindowCacheModelTest {
  private static final int[][] SHAPES = {
    {1, 1}, {2, 7}, {3, 64}, {2, 65}, {1, 200}, {4, 130}, {2, 33}, {5, 20}
  };
  private static final int[] SEGMENTS = {1, 2, 4, 8, 16, 32, 64};
  private static final Window[] WINDOWS = {
    Window.auto(),
    Window.fixed(0),
    Window.fixed(1),
    Window.fixed(2),
    Window.fixed(5),
    Window.fixed(40),
    Window.auto()
  };

  @Test
  void agreesWithPlainSetsAtEveryStep() {
    long operations = 0;
    for (int seed = 0; seed < 300; seed++) {
      operations += new Life(seed, 20 + seed % 90).run();
    }
    assertTrue(operations > 100_000, "operations: " + operations);
  }

  @Test
  void agreesOverLongLives() {
    for (int seed = 1_000; seed < 1_008; seed++) {
      new Life(seed, 600).run();
    }
  }

  private static final class Life {
    private final String name;
    private final SplittableRandom random;
    private final int tokens;
    private final int layers;
    private final int perLayer;
    private final int words;
    private final int segmentBundles;
    private final Window window;
    private final WindowCache cache;
    private final NaiveWindow model;
    private final Map<Integer, Integer> slotOf = new HashMap<>();
    private final int[] holder;
    private final double[] weights;
    private long operations;
    private long hits;
    private long misses;
    private long admitted;
    private long refused;
    private long dropped;

    Life(long seed, int tokens) {
      this.tokens = tokens;
      random = new SplittableRandom(seed);
      int[] shape = SHAPES[random.nextInt(SHAPES.length)];
      layers = shape[0];
      perLayer = shape[1];
      words = (perLayer + 63) / 64;
      segmentBundles = SEGMENTS[random.nextInt(SEGMENTS.length)];
      window = WINDOWS[random.nextInt(WINDOWS.length)];
      int all = layers * perLayer;
      int slots =
          switch (random.nextInt(6)) {
            case 0 -> 0;
            case 1 -> 1;
            case 2 -> all + 5;
            case 3 -> all / 2;
            default -> random.nextInt(all + 1);
          };
      name = "seed %d, %dx%d by %d, %d slots, %s: "
          .formatted(seed, layers, perLayer, segmentBundles, slots, window);
      cache =
          new WindowCache(new WindowCache.Shape(layers, perLayer), segmentBundles, slots, window);
      model = new NaiveWindow(all, Math.min(slots, all), window);
      holder = new int[slots];
      Arrays.fill(holder, -1);
      weights = new double[all];
      for (int i = 0; i < all; i++) {
        weights[i] = Math.pow(random.nextDouble(), 3) * (1 + random.nextInt(2));
      }
    }

    long run() {
      if (random.nextBoolean()) {
        pinSome();
      }
      for (int token = 0; token < tokens; token++) {
        double density = random.nextInt(4) == 0 ? random.nextDouble() : 0.3;
        for (int layer = 0; layer < layers; layer++) {
          if (random.nextInt(20) > 0) {
            layer(layer, density);
          }
        }
        endToken();
        if (random.nextInt(150) == 0) {
          Set<Integer> unpinned = Set.copyOf(model.lastUse.keySet());
          cache.clear();
          model.clear();
          forget(unpinned);
          compare();
        }
      }
      return operations;
    }

    private void pinSome() {
      for (int i = random.nextInt(Math.max(2, model.slots + 3)); i > 0; i--) {
        int bundle = random.nextInt(weights.length);
        int slot = cache.pin(bundle / perLayer, bundle % perLayer);
        operations++;
        same(model.pin(bundle), slot >= 0, "pin");
        if (slot >= 0) {
          holds(bundle, slot);
        }
      }
    }

    private void layer(int layer, double density) {
      long[] active = new long[words];
      for (int b = 0; b < perLayer; b++) {
        if (random.nextDouble() < weights[layer * perLayer + b] * density * 2) {
          active[b / 64] |= 1L << b % 64;
        }
      }
      long[] given = active.clone();
      if (perLayer % 64 != 0) {
        given[words - 1] |= 1L << 63;
      }
      long[] hit = new long[words];
      long[] miss = new long[words];
      cache.split(layer, given, hit, miss);
      operations++;
      for (int b = 0; b < perLayer; b++) {
        long bit = 1L << b % 64;
        boolean wanted = (active[b / 64] & bit) != 0;
        boolean expected = wanted && model.use(layer * perLayer + b);
        same(expected, (hit[b / 64] & bit) != 0, "hit");
        same(wanted && !expected, (miss[b / 64] & bit) != 0, "miss");
        hits += expected ? 1 : 0;
        misses += wanted && !expected ? 1 : 0;
      }
      double admission = random.nextInt(3) == 0 ? random.nextDouble() : 1;
      for (int b = 0; b < perLayer; b++) {
        if ((miss[b / 64] >>> b & 1) != 0 && random.nextDouble() < admission) {
          admit(layer, b);
        }
        if (random.nextInt(200) == 0) {
          admit(layer, random.nextInt(perLayer));
        }
        int slot = slotOf.getOrDefault(layer * perLayer + b, -1);
        same(slot, cache.slotOf(layer, b), "slot in a token");
        operations++;
      }
      if (perLayer % 64 != 0) {
        same(0, (hit[words - 1] | miss[words - 1]) >>> 63, "stray bit");
      }
    }

    private void admit(int layer, int b) {
      int bundle = layer * perLayer + b;
      boolean resident = model.resident(bundle);
      boolean expected = model.admit(bundle);
      int slot = cache.admit(layer, b);
      operations++;
      same(expected, slot >= 0, "admit");
      admitted += expected && !resident ? 1 : 0;
      refused += expected ? 0 : 1;
      if (expected) {
        holds(bundle, slot);
      }
    }

    /** A slot is in range, and never held by two bundles or changed under one. */
    private void holds(int bundle, int slot) {
      holdsTrue(slot < model.slots, "slot in range");
      Integer before = slotOf.put(bundle, slot);
      if (before == null) {
        same(-1, holder[slot], "holder of a given slot");
        holder[slot] = bundle;
      } else {
        same(before, slot, "slot of a resident");
      }
    }

    private void forget(Set<Integer> gone) {
      for (int bundle : gone) {
        holder[slotOf.remove(bundle)] = -1;
      }
    }

    private void same(long expected, long actual, String what) {
      if (expected != actual) {
        fail(name + what + ": expected " + expected + ", is " + actual);
      }
    }

    private void same(boolean expected, boolean actual, String what) {
      holdsTrue(expected == actual, what);
    }

    private void holdsTrue(boolean condition, String what) {
      if (!condition) {
        fail(name + what);
      }
    }

    private void endToken() {
      Map<Integer, Long> before = new HashMap<>(model.lastUse);
      Set<Integer> gone = model.endToken();
      cache.endToken();
      operations++;
      dropped += gone.size();
      forget(gone);
      long oldestLeft = model.lastUse.values().stream().mapToLong(t -> t).min().orElse(0);
      for (int bundle : gone) {
        long used = before.get(bundle);
        holdsTrue(model.lastUse.isEmpty() || used < oldestLeft, "oldest first");
        boolean keepsNothing = window.equals(Window.fixed(0));
        holdsTrue(keepsNothing || used < model.token - 1, "dropped though just used");
        if (window instanceof Window.Fixed(int k) && used >= model.token - k) {
          int kept = (int) before.values().stream().filter(t -> t >= used).count();
          int free = model.slots - model.pinned.size() - kept;
          holdsTrue(free < model.recentDemand, "dropped inside the window, slots free");
        }
      }
      compare();
    }

    private void compare() {
      int[] perSegment = new int[layers * words * 64 / segmentBundles];
      for (int layer = 0; layer < layers; layer++) {
        for (int b = 0; b < perLayer; b++) {
          int bundle = layer * perLayer + b;
          int slot = cache.slotOf(layer, b);
          same(model.resident(bundle), slot >= 0, "residency");
          same(slotOf.getOrDefault(bundle, -1), slot, "slot");
          if (slot >= 0 && !model.pinned.contains(bundle)) {
            perSegment[(layer * words * 64 + b) / segmentBundles]++;
          }
        }
      }
      int entries = 0;
      for (int segment = 0; segment < perSegment.length; segment++) {
        entries += perSegment[segment] > 0 ? 1 : 0;
        same(perSegment[segment], cache.index().weightBundles(segment), "weight");
      }
      same(entries, cache.index().entries(), "entries");
      same(model.lastUse.size(), cache.index().weightBundles(), "weight sum");
      same(model.residents(), cache.residentBundles(), "residents");
      holdsTrue(cache.residentBundles() <= model.slots, "more residents than slots");
      same(model.pinned.size(), cache.pinnedBundles(), "pinned");
      same(model.token - model.oldestKept, cache.windowTokens(), "window");
      same(hits, cache.hits(), "hits");
      same(misses, cache.misses(), "misses");
      same(admitted, cache.admitted(), "admitted");
      same(refused, cache.refused(), "refused");
      same(dropped, cache.dropped(), "dropped");
    }
  }
}
