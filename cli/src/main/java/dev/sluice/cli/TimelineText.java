package dev.sluice.cli;

import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.ledger.Timeline;
import dev.sluice.engine.ledger.Timeline.Lanes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The timeline of one token as an object for programs. */
final class TimelineText {
  private static final int BINS = 1200;
  private static final int LAYER_BINS = 600;
  private static final String TIME = "_nanos";

  private TimelineText() {}

  /** The kept token of a run. */
  static Map<String, Object> object(Ledger ledger) {
    Timeline timeline = ledger.timeline();
    int token = timeline.token();
    int middle = ledger.layers() / 2;
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("token", token);
    object.put("ms", timeline.tokenNanos() / 1e6);
    object.put("requests", ledger.ofToken(token, Quantity.REQUESTS));
    object.put("bytes_read", ledger.ofToken(token, Quantity.BYTES_READ));
    Map<String, Object> millis = new LinkedHashMap<>();
    for (Quantity quantity : Quantity.values()) {
      if (isTime(quantity)) {
        millis.put(name(quantity), ledger.ofToken(token, quantity) / 1e6);
      }
    }
    object.put("ms_by_kind", millis);
    object.put("whole", lanes(timeline.whole(BINS)));
    object.put("layer", middle);
    object.put("of_layer", lanes(timeline.layer(middle, LAYER_BINS)));
    return object;
  }

  private static boolean isTime(Quantity quantity) {
    return quantity.name().toLowerCase(Locale.ROOT).endsWith(TIME);
  }

  private static String name(Quantity quantity) {
    String name = quantity.name().toLowerCase(Locale.ROOT);
    return name.substring(0, name.length() - TIME.length());
  }

  /** Each thread's bins as runs: what, and for how many bins. */
  private static Map<String, Object> lanes(Lanes lanes) {
    List<List<List<Object>>> threads = new ArrayList<>();
    for (int[] bins : lanes.threads()) {
      List<List<Object>> runs = new ArrayList<>();
      for (int b = 0; b < bins.length;) {
        int end = b;
        while (end < bins.length && bins[end] == bins[b]) {
          end++;
        }
        runs.add(List.of(bins[b] < 0 ? "idle" : name(Quantity.values()[bins[b]]), end - b));
        b = end;
      }
      threads.add(runs);
    }
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("from_ms", lanes.firstNanos() / 1e6);
    object.put("bin_us", lanes.binNanos() / 1e3);
    object.put("threads", threads);
    return object;
  }
}
