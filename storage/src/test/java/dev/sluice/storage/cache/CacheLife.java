package dev.sluice.storage.cache;

import static org.junit.jupiter.api.Assertions.fail;

import dev.sluice.storage.cache.BundleCache.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/** A random life of a cache of any policy, each step held against what every policy promises. */
final class CacheLife {
  private static final int[][] SHAPES = {
    {1, 1}, {2, 7}, {3, 64}, {2, 65}, {1, 200}, {4, 130}, {2, 33}, {5, 20}
  };

  private final String name;
  private final SplittableRandom random;
  private final int layers;
  private final int perLayer;
  private final int slots;
  private final boolean staysFull; // once it is: not a window, which keeps slots free, nor Caffeine, whose victim may be in use
  private final BundleCache cache;
  private final double[] weights;
  private final Set<Integer> pinned = new HashSet<>();
  private final Map<Integer, Integer> inUse = new HashMap<>(); // bundle to slot, of the layer at hand
  private final List<Integer> decisions = new ArrayList<>();
  private long hits;
  private long misses;
  private long admitted;
  private long refused;
  private long cleared;
  private long operations;

  CacheLife(CachePolicy policy, long seed) {
    random = new SplittableRandom(seed);
    int[] shape = SHAPES[random.nextInt(SHAPES.length)];
    layers = shape[0];
    perLayer = shape[1];
    int all = layers * perLayer;
    int asked = switch (random.nextInt(6)) {
      case 0 -> 0;
      case 1 -> 1;
      case 2 -> all + 5;
      case 3 -> all / 2;
      default -> random.nextInt(all + 1);
    };
    slots = Math.min(asked, all);
    staysFull = !(policy instanceof CachePolicy.Recent || policy instanceof CachePolicy.TinyLfu);
    cache = policy.open(new Shape(layers, perLayer), asked);
    name = "%s, seed %d, %dx%d, %d slots: ".formatted(policy.name(), seed, layers, perLayer, asked);
    weights = new double[all];
    Arrays.setAll(weights, _ -> Math.pow(random.nextDouble(), 3) * (1 + random.nextInt(2)));
  }

  /** Slots that misses got, -1 for none. */
  List<Integer> decisions() {
    return decisions;
  }

  long run(int tokens) {
    for (int i = random.nextBoolean() ? random.nextInt(slots + 3) : 0; i > 0; i--) {
      int bundle = random.nextInt(weights.length);
      boolean possible = pinned.contains(bundle) || pinned.size() < slots;
      int slot = cache.pin(bundle / perLayer, bundle % perLayer);
      same(possible, slot >= 0, "pin");
      if (possible) {
        pinned.add(bundle);
      }
    }
    for (int token = 0; token < tokens; token++) {
      double density = random.nextInt(4) == 0 ? random.nextDouble() : 0.3;
      for (int layer = 0; layer < layers; layer++) {
        // Now and then a layer is left out, or done in parts.
        for (int parts = random.nextInt(8); parts > 0; parts = random.nextInt(3) - 1) {
          layer(layer, density);
        }
      }
      cache.endToken();
      inUse.clear();
      check();
      if (random.nextInt(40) == 0) {
        cleared += cache.residentBundles() - cache.pinnedBundles();
        cache.clear();
        same(pinned.size(), cache.residentBundles(), "residents after clear");
        check();
      }
    }
    return operations;
  }

  private void layer(int layer, double density) {
    int words = (perLayer + 63) / 64;
    long[] active = new long[words];
    long[] resident = new long[words];
    for (int b = 0; b < perLayer; b++) {
      if (random.nextDouble() < weights[layer * perLayer + b] * density * 2) {
        active[b / 64] |= 1L << b;
      }
      if (cache.slotOf(layer, b) >= 0) {
        resident[b / 64] |= 1L << b;
      }
    }
    long[] given = active.clone();
    if (perLayer % 64 != 0) {
      given[words - 1] |= 1L << 63;
    }
    long[] absent = new long[words];
    cache.absent(layer, given, absent);
    long[] hit = new long[words];
    long[] miss = new long[words];
    cache.split(layer, given, hit, miss);
    inUse.clear();
    for (int w = 0; w < words; w++) {
      same(active[w] & resident[w], hit[w], "hits");
      same(active[w] & ~resident[w], miss[w], "misses");
      same(miss[w], absent[w], "absent");
      hits += Long.bitCount(hit[w]);
      misses += Long.bitCount(miss[w]);
    }
    for (int b = 0; b < perLayer; b++) {
      if ((hit[b / 64] >>> b & 1) != 0) {
        inUse.put(layer * perLayer + b, cache.slotOf(layer, b));
      }
    }
    double admission = random.nextInt(3) == 0 ? random.nextDouble() : 1;
    for (int b = 0; b < perLayer; b++) {
      if ((miss[b / 64] >>> b & 1) != 0 && random.nextDouble() < admission) {
        admit(layer, b);
      } else if (random.nextInt(100) == 0) {
        admit(layer, b); // whether it is resident or not
      }
      operations++;
    }
    check();
  }

  private void admit(int layer, int b) {
    int before = cache.slotOf(layer, b);
    int residents = cache.residentBundles();
    long dropped = cache.dropped();
    int slot = cache.admit(layer, b);
    decisions.add(slot);
    same(slot, cache.slotOf(layer, b), "slot of an admitted bundle");
    if (before >= 0) {
      same(before, slot, "slot of a resident that is admitted");
    } else if (slot < 0) {
      refused++;
      same(slots, residents, "residents when a bundle gets no slot");
    } else {
      admitted++;
    }
    if (residents < slots) {
      same(dropped, cache.dropped(), "dropped though a slot was free");
    }
    if (slot >= 0) {
      inUse.put(layer * perLayer + b, slot);
    }
  }

  private void check() {
    operations++;
    int[] holder = new int[slots];
    Arrays.fill(holder, -1);
    int residents = 0;
    for (int bundle = 0; bundle < weights.length; bundle++) {
      int slot = cache.slotOf(bundle / perLayer, bundle % perLayer);
      if (slot >= 0) {
        residents++;
        same(-1, holder[slot], "holder of slot " + slot);
        holder[slot] = bundle;
      } else if (pinned.contains(bundle)) {
        fail(name + "a pinned bundle has left");
      }
    }
    inUse.forEach((bundle, slot) -> same(bundle, holder[slot], "holder of a slot in use"));
    same(residents, cache.residentBundles(), "residents");
    same(pinned.size(), cache.pinnedBundles(), "pinned");
    same(hits, cache.hits(), "hits");
    same(misses, cache.misses(), "misses");
    same(admitted, cache.admitted(), "admitted");
    same(refused, cache.refused(), "refused");
    same(pinned.size() + admitted - cleared - residents, cache.dropped(), "dropped");
    if (staysFull && admitted + pinned.size() - cleared >= slots && cleared == 0) {
      same(slots, residents, "residents once all slots were given");
    }
  }

  private void same(long expected, long actual, String what) {
    if (expected != actual) {
      fail(name + what + ": expected " + expected + ", is " + actual);
    }
  }

  private void same(boolean expected, boolean actual, String what) {
    same(expected ? 1 : 0, actual ? 1 : 0, what);
  }
}
