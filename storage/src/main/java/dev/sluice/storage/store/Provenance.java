package dev.sluice.storage.store;

import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * Where a store came from, kept in its MANIFEST and so part of its digest.
 *
 * @param source the checkpoint or store it was made from, in the importer's words
 * @param traceDigest digest of the trace that its order was fitted to, or empty
 * @param order name of the order, such as {@code identity}
 * @param seed what every random choice was drawn from
 * @param notes anything else worth keeping; iterated in key order
 */
public record Provenance(
    String source, String traceDigest, String order, long seed, Map<String, String> notes) {
  /** The note of a store whose weights were encoded anew, and how: its source has not these bytes. */
  public static final String QUANTISED = "quantised";

  /** A store in checkpoint order about whose source nothing was said. */
  public static final Provenance NONE = new Provenance("", "", "identity", 0, Map.of());

  public Provenance {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(traceDigest, "traceDigest");
    Objects.requireNonNull(order, "order");
    notes = Collections.unmodifiableSortedMap(new TreeMap<>(notes));
  }
}
