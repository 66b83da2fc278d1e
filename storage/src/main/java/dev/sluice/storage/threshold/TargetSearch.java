package dev.sluice.storage.threshold;

import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * What the search of a rule's CETT-PPL-1 % target tried, by ascending target.
 *
 * @param limit largest ratio that a target may have
 */
public record TargetSearch(double limit, List<Step> steps) {
  /**
   * @param ratio perplexity of the search text at this target over the dense run's
   */
  public record Step(double cett, double ratio) {}

  public TargetSearch {
    steps = (steps == null ? List.<Step>of() : steps).stream()
        .sorted(Comparator.comparingDouble(Step::cett)).toList();
  }

  /** The ratio at a target; empty if it was not tried. */
  public OptionalDouble ratioAt(double cett) {
    return steps.stream().filter(step -> step.cett == cett).mapToDouble(Step::ratio).findFirst();
  }

  /** The next larger target that was tried; empty if there is none. */
  public OptionalDouble after(double cett) {
    return steps.stream().mapToDouble(Step::cett).filter(tried -> tried > cett).findFirst();
  }

  public byte[] encode() {
    return JsonMapper.shared().writeValueAsBytes(this);
  }

  /**
   * Reads what {@link #encode} wrote.
   *
   * @throws IllegalArgumentException if the bytes are not that
   */
  public static TargetSearch decode(byte[] json) {
    try {
      TargetSearch search = JsonMapper.shared().readValue(json, TargetSearch.class);
      if (search == null) {
        throw new IllegalArgumentException("a search of targets is missing");
      }
      return search;
    } catch (JacksonException e) {
      throw new IllegalArgumentException("a search of targets cannot be read", e);
    }
  }
}
