package dev.sluice.bench.report;

import dev.sluice.bench.cache.CacheResult;
import dev.sluice.bench.compare.Comparison;
import dev.sluice.bench.io.RaceResult;
import dev.sluice.bench.io.SurveyResult;
import dev.sluice.bench.peers.PeerComparison;
import dev.sluice.bench.predictor.CertifiedResult;
import tools.jackson.databind.json.JsonMapper;

/** The comparison as one JSON object whose keys carry units. Thread-safe. */
public final class JsonReport {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().propertyNamingStrategy(new UnitNaming()).build();

  private JsonReport() {}

  /** One object on one line, such as {@code {"setting":{…},"models":[…],"saved":[…]}}. */
  public static String json(Comparison comparison) {
    return MAPPER.writeValueAsString(comparison);
  }

  /** The same for peer runs: {@code {"setting":{…},"points":[…]}}. Figures that do not exist are "NaN". */
  public static String json(PeerComparison comparison) {
    return MAPPER.writeValueAsString(comparison);
  }

  /** The same for a race of readers: {@code {"setting":{…},"courses":[…]}}. */
  public static String json(RaceResult race) {
    return MAPPER.writeValueAsString(race);
  }

  /** The same for a probe: {@code {"setting":{…},"cells":[…],"fit":{…},"guests":[…]}}. */
  public static String json(SurveyResult survey) {
    return MAPPER.writeValueAsString(survey);
  }

  /** The same for a trial of cache policies: {@code {"setting":{…},"points":[…]}}. */
  public static String json(CacheResult trial) {
    return MAPPER.writeValueAsString(trial);
  }

  /** The same for certified skipping: {@code {"store":…,"rows":[…],"violations":[…]}}. */
  public static String json(CertifiedResult result) {
    return MAPPER.writeValueAsString(result);
  }

  /** Reads what {@link #json} wrote. */
  static Comparison parse(String json) {
    return MAPPER.readValue(json, Comparison.class);
  }
}
