package dev.sluice.bench.peers;

import dev.sluice.storage.plan.DeviceModel;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * Where the time of one token went, one near the run's median: what each thread did when, and what bounds it.
 *
 * @param token its number among the tokens after the prompt
 * @param millisByKind mean over the threads; what is missing to {@code millis} is idle
 * @param workMillis all of it but waiting: arithmetic, prediction, cache, moving, submission
 * @param requestMicros of the device model, measured just before the run and just after it: of the two, the one by which this token's reads take less time
 * @param readMillis the token's requests and bytes at the device model's rate
 * @param timesBound {@code millis} divided by the greater of {@code workMillis} and {@code readMillis}
 * @param whole the token
 * @param layer the one that {@code ofLayer} shows closer
 */
public record TokenTime(
    int token, double millis, double requests, double megabytesRead,
    Map<String, Double> millisByKind, double workMillis, double requestMicros,
    double deviceMegabytesPerSecond, double readMillis, double timesBound, Lanes whole, int layer,
    Lanes ofLayer) {
  private static final String WAIT = "wait";

  /**
   * A stretch of time in bins.
   *
   * @param fromMillis from the token's start
   * @param threads each thread's bins in order, as runs
   */
  public record Lanes(double fromMillis, double binMicros, List<List<Run>> threads) {
    public Lanes {
      threads = List.copyOf(threads);
    }
  }

  /**
   * Neighbouring bins most of which one kind of work took.
   *
   * @param kind as in {@code millisByKind}, or {@code idle}
   */
  public record Run(String kind, int bins) {}

  /**
   * Reads what {@code sluice run --json} prints as {@code timeline}.
   *
   * @param node may be missing
   * @param devices measured around the run; the quickest for these reads counts, since a device that was slow for a second
   *     would promise too little
   * @return null if it is, or says something else
   */
  static TokenTime parse(JsonNode node, List<DeviceModel> devices) {
    if (!node.path("ms").isNumber() || !node.path("ms_by_kind").isObject()) {
      return null;
    }
    Map<String, Double> kinds = new LinkedHashMap<>();
    double work = 0;
    for (Map.Entry<String, JsonNode> kind : node.path("ms_by_kind").properties()) {
      double millis = kind.getValue().asDouble();
      kinds.put(kind.getKey(), millis);
      work += kind.getKey().equals(WAIT) ? 0 : millis;
    }
    double millis = node.path("ms").doubleValue();
    double requests = node.path("requests").asDouble();
    double bytes = node.path("bytes_read").asDouble();
    DeviceModel device =
        Collections.min(devices, Comparator.comparingDouble(d -> d.millis(requests, bytes)));
    double read = device.millis(requests, bytes);
    return new TokenTime(node.path("token").asInt(), millis, requests, bytes / 1e6, kinds, work,
        device.requestMicros(), device.bytesPerSecond() / 1e6, read,
        millis / Math.max(work, read), lanes(node.path("whole")), node.path("layer").asInt(),
        lanes(node.path("of_layer")));
  }

  private static Lanes lanes(JsonNode node) {
    List<List<Run>> threads = new ArrayList<>();
    for (JsonNode thread : node.path("threads")) {
      List<Run> runs = new ArrayList<>();
      for (JsonNode run : thread) {
        runs.add(new Run(run.path(0).asString(), run.path(1).asInt()));
      }
      threads.add(List.copyOf(runs));
    }
    return new Lanes(node.path("from_ms").asDouble(), node.path("bin_us").asDouble(), threads);
  }
}
