package dev.sluice.bench.cache;

import dev.sluice.storage.cache.BundleCache;
import java.util.Arrays;

/**
 * Bélády's bound (1966): who knows the future drops the bundle whose next use is farthest, or gives the miss no slot if its own
 * is. No policy has fewer misses with the same bundles pinned. It moves bundles of the layer at hand too, which a run could
 * not, so it only bounds the others; and since it counts bundles, not reads, another policy may need fewer requests. Not
 * thread-safe.
 */
final class Clairvoyant implements BundleCache {
  private static final int NOBODY = -1;

  private final ActiveSets future;
  private final int layers;
  private final int bundles;
  private final int[] slotOf; // bundle: layer · bundles + position
  private final boolean[] pinned;
  private final int[] freeSlots;
  private int freeCount;
  private int pinnedCount;
  private boolean begun;
  private int token;

  private final int[] firstUse; // of a bundle in uses
  private final int[] uses; // tokens, ascending for each bundle
  private final int[] nextUse; // in uses, of the first that is not before this token

  // Residents by the step (token · layers + layer) of their next use: lists in two arrays.
  private final int never;
  private final int[] first; // by step
  private final int[] after; // by bundle
  private final int[] before;
  private final int[] step; // by bundle
  private int farthest; // no list behind it has anybody

  private long hits;
  private long misses;
  private long admitted;
  private long dropped;
  private long refused;

  /** @param future the tokens that will come, from the first on */
  Clairvoyant(ActiveSets future, int slots) {
    this.future = future;
    layers = future.layers();
    bundles = future.bundles();
    int all = layers * bundles;
    slotOf = new int[all];
    pinned = new boolean[all];
    freeSlots = new int[Math.min(slots, all)];
    firstUse = new int[all + 1];
    uses = uses();
    nextUse = new int[all];
    never = future.tokens() * layers;
    first = new int[never + 1];
    after = new int[all];
    before = new int[all];
    step = new int[all];
    clear();
  }

  private int[] uses() {
    int[] counts = new int[firstUse.length];
    eachUse((bundle, _) -> counts[bundle]++);
    for (int i = 0; i + 1 < firstUse.length; i++) {
      firstUse[i + 1] = firstUse[i] + counts[i];
    }
    int[] sorted = new int[firstUse[firstUse.length - 1]];
    int[] at = firstUse.clone();
    eachUse((bundle, when) -> sorted[at[bundle]++] = when);
    return sorted;
  }

  private interface Use {
    void of(int bundle, int token);
  }

  private void eachUse(Use use) {
    for (int t = 0; t < future.tokens(); t++) {
      for (int layer = 0; layer < layers; layer++) {
        long[] active = future.at(t, layer);
        for (int w = 0; w < active.length; w++) {
          for (long rest = active[w]; rest != 0; rest &= rest - 1) {
            use.of(layer * bundles + (w << 6) + Long.numberOfTrailingZeros(rest), t);
          }
        }
      }
    }
  }

  @Override
  public int pin(int layer, int bundle) {
    if (begun) {
      throw new IllegalStateException("bundles can be pinned only before the first token");
    }
    int b = layer * bundles + bundle;
    if (slotOf[b] < 0 && freeCount > 0) {
      slotOf[b] = freeSlots[--freeCount];
      pinned[b] = true;
      pinnedCount++;
    }
    return slotOf[b];
  }

  @Override
  public void split(int layer, long[] active, long[] hitBundles, long[] missBundles) {
    begun = true;
    for (int w = 0; w < active.length; w++) {
      long hit = 0;
      for (long rest = active[w]; rest != 0; rest &= rest - 1) {
        int b = layer * bundles + (w << 6) + Long.numberOfTrailingZeros(rest);
        if (slotOf[b] >= 0) {
          hit |= Long.lowestOneBit(rest);
          if (!pinned[b]) {
            unlink(b);
            link(b, stepAfterThis(b));
          }
        }
      }
      missBundles[w] = active[w] & ~hit;
      hitBundles[w] = hit;
      hits += Long.bitCount(hit);
      misses += Long.bitCount(missBundles[w]);
    }
  }

  @Override
  public void absent(int layer, long[] wanted, long[] absentBundles) {
    for (int w = 0; w < wanted.length; w++) {
      long absent = 0;
      for (long rest = wanted[w]; rest != 0; rest &= rest - 1) {
        int b = layer * bundles + (w << 6) + Long.numberOfTrailingZeros(rest);
        absent |= slotOf[b] < 0 ? Long.lowestOneBit(rest) : 0;
      }
      absentBundles[w] = absent;
    }
  }

  @Override
  public int slotOf(int layer, int bundle) {
    return slotOf[layer * bundles + bundle];
  }

  @Override
  public int admit(int layer, int bundle) {
    int b = layer * bundles + bundle;
    if (slotOf[b] >= 0) {
      return slotOf[b];
    }
    int next = stepAfterThis(b);
    if (freeCount == 0 && !dropOneNeededAfter(next)) {
      refused++;
      return NOBODY;
    }
    slotOf[b] = freeSlots[--freeCount];
    link(b, next);
    admitted++;
    return slotOf[b];
  }

  private boolean dropOneNeededAfter(int next) {
    while (farthest > next && first[farthest] == NOBODY) {
      farthest--;
    }
    if (farthest <= next) {
      return false;
    }
    int victim = first[farthest];
    unlink(victim);
    freeSlots[freeCount++] = slotOf[victim];
    slotOf[victim] = NOBODY;
    dropped++;
    return true;
  }

  /** When a bundle is used next after the token at hand. */
  private int stepAfterThis(int b) {
    int end = firstUse[b + 1];
    int next = nextUse[b];
    while (next < end && uses[next] <= token) {
      next++;
    }
    nextUse[b] = next;
    return next == end ? never : uses[next] * layers + b / bundles;
  }

  private void link(int b, int when) {
    step[b] = when;
    before[b] = NOBODY;
    after[b] = first[when];
    if (after[b] != NOBODY) {
      before[after[b]] = b;
    }
    first[when] = b;
    farthest = Math.max(farthest, when);
  }

  private void unlink(int b) {
    if (before[b] == NOBODY) {
      first[step[b]] = after[b];
    } else {
      after[before[b]] = after[b];
    }
    if (after[b] != NOBODY) {
      before[after[b]] = before[b];
    }
  }

  @Override
  public void endToken() {
    token++;
  }

  @Override
  public void clear() {
    freeCount = 0;
    boolean[] taken = new boolean[freeSlots.length];
    for (int b = 0; b < pinned.length; b++) {
      if (pinned[b]) {
        taken[slotOf[b]] = true;
      } else {
        slotOf[b] = NOBODY;
      }
    }
    for (int slot = freeSlots.length - 1; slot >= 0; slot--) {
      if (!taken[slot]) {
        freeSlots[freeCount++] = slot;
      }
    }
    System.arraycopy(firstUse, 0, nextUse, 0, nextUse.length);
    Arrays.fill(first, NOBODY);
    farthest = 0;
    token = 0;
  }

  @Override
  public void resetCounters() {
    hits = 0;
    misses = 0;
    admitted = 0;
    dropped = 0;
    refused = 0;
  }

  @Override
  public long hits() {
    return hits;
  }

  @Override
  public long misses() {
    return misses;
  }

  @Override
  public long admitted() {
    return admitted;
  }

  @Override
  public long dropped() {
    return dropped;
  }

  @Override
  public long refused() {
    return refused;
  }

  @Override
  public int residentBundles() {
    return freeSlots.length - freeCount;
  }

  @Override
  public int pinnedBundles() {
    return pinnedCount;
  }
}
