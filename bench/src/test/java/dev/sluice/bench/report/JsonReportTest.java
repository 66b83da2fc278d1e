package dev.sluice.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.compare.Comparison;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class JsonReportTest {
  /** Last words of a key that say what is counted, and names of dimensionless measures. */
  private static final Pattern UNIT =
      Pattern.compile(
          ".*(_bytes|_tokens|_share|_share_by_layer|_rate|_rate_p99|_dimensions|_bundles|_ms|_per_token|_per_request|_per_s"
              + "|_per_layer|_on_disk|perplexity|cett)|tokens|layers|repeats");

  @Test
  void comesBackAsItWas() {
    Comparison sample = SampleComparison.sample();
    assertEquals(sample, JsonReport.parse(JsonReport.json(sample)));
  }

  @Test
  void keysOfNumbersCarryUnits() {
    Set<String> keys = new TreeSet<>();
    collect(JsonMapper.shared().readTree(JsonReport.json(SampleComparison.sample())), "", keys);
    for (String key : keys) {
      assertTrue(UNIT.matcher(key).matches(), () -> "no unit: " + key);
      assertTrue(key.matches("[a-z0-9_]+"), () -> "not snake case: " + key);
    }
    assertTrue(
        keys.containsAll(
            Set.of("bytes_read_per_token", "io_ms_per_token", "ms_per_token", "raw_mb_per_s",
                "hit_rate_p99",
                "requests_per_token", "active_neurons_per_token", "nats_per_token",
                "dense_nats_per_token")),
        keys::toString);
  }

  private static void collect(JsonNode node, String key, Set<String> keys) {
    if (node.isNumber()) {
      keys.add(key);
    } else if (node.isArray()) {
      node.forEach(element -> collect(element, key, keys));
    } else if (node.isObject()) {
      node.properties().forEach(entry -> collect(entry.getValue(), entry.getKey(), keys));
    }
  }
}
