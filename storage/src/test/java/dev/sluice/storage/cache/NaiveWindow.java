package dev.sluice.storage.cache;

import java.util.HashSet;
import java.util.Set;
import java.util.TreeMap;

/** The rules of {@link WindowCache} in plain collections: what it is compared with. */
final class NaiveWindow {
  final int bundles;
  final int slots;
  final Set<Integer> pinned = new HashSet<>();
  final TreeMap<Integer, Long> lastUse = new TreeMap<>();
  private final Window window;
  long token;
  long oldestKept;
  int demand;
  int recentDemand;

  NaiveWindow(int bundles, int slots, Window window) {
    this.bundles = bundles;
    this.slots = slots;
    this.window = window;
  }

  boolean resident(int bundle) {
    return pinned.contains(bundle) || lastUse.containsKey(bundle);
  }

  int residents() {
    return pinned.size() + lastUse.size();
  }

  boolean pin(int bundle) {
    return pinned.contains(bundle) || residents() < slots && pinned.add(bundle);
  }

  boolean use(int bundle) {
    if (pinned.contains(bundle)) {
      return true;
    }
    if (lastUse.containsKey(bundle)) {
      lastUse.put(bundle, token);
      return true;
    }
    return false;
  }

  boolean admit(int bundle) {
    if (use(bundle)) {
      return true;
    }
    demand++;
    if (residents() >= slots) {
      return false;
    }
    lastUse.put(bundle, token);
    return true;
  }

  /** Returns what was dropped. */
  Set<Integer> endToken() {
    token++;
    recentDemand = Math.max(demand, recentDemand - (int) Math.ceil(recentDemand / 8.0));
    demand = 0;
    if (window instanceof Window.Fixed(int tokens)) {
      oldestKept = Math.max(oldestKept, token - tokens);
    }
    while (tooFewFree() && oldestKept < token - 1) {
      boolean blurred =
          window instanceof Window.Auto && oldestKept < token - WindowCache.AUTO_COHORTS;
      oldestKept = blurred ? token - WindowCache.AUTO_COHORTS : oldestKept + 1;
    }
    Set<Integer> dropped = new HashSet<>(lastUse.keySet());
    lastUse.values().removeIf(used -> used < oldestKept);
    dropped.removeAll(lastUse.keySet());
    return dropped;
  }

  void clear() {
    lastUse.clear();
    oldestKept = token;
    demand = 0;
    recentDemand = 0;
  }

  private boolean tooFewFree() {
    int kept = pinned.size() + keptFrom(oldestKept);
    return slots - kept < Math.min(recentDemand, bundles - kept);
  }

  /** Evictable bundles used at this token or later. */
  int keptFrom(long firstToken) {
    return (int) lastUse.values().stream().filter(used -> used >= firstToken).count();
  }
}
