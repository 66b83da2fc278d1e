package dev.sluice.engine.ledger;

import java.util.Arrays;

/**
 * A ledger's figures per token. Bandwidths divide by the time spent in I/O: submitting and waiting, not the time in which
 * reads went on behind computation.
 *
 * @param hitRate hits / (hits + misses) over the whole run; 1 when nothing was looked up
 * @param hitRateP99 the hit rate that 99 % of tokens reach or exceed
 * @param repeats requests of the whole run that were read again
 * @param effectiveMegabytesPerSecond bytes of active neurons among what was read, per second of I/O
 */
public record Summary(
    int tokens,
    double bytesReadPerToken,
    double bytesUsedPerToken,
    double requestsPerToken,
    double bytesPerRequest,
    double rawMegabytesPerSecond,
    double effectiveMegabytesPerSecond,
    double ioMillisPerToken,
    double millisPerToken,
    double hitRate,
    double hitRateP99,
    double activePerToken,
    double predictedPerToken,
    double missesPerToken,
    double predictMillisPerToken,
    double cacheMillisPerToken,
    double memoryMillisPerToken,
    double computeMillisPerToken,
    double attentionMillisPerToken,
    double headMillisPerToken,
    double checkMillisPerToken,
    long repeats) {

  /** Sums up the closed tokens of {@code ledger}. */
  public static Summary of(Ledger ledger) {
    int tokens = ledger.tokens();
    double each = Math.max(1, tokens);
    double bytes = ledger.total(Quantity.BYTES_READ);
    double requests = ledger.total(Quantity.REQUESTS);
    double ioSeconds =
        (ledger.total(Quantity.SUBMIT_NANOS) + ledger.total(Quantity.WAIT_NANOS)) / 1e9;
    double hits = ledger.total(Quantity.HITS);
    double lookups = hits + ledger.total(Quantity.MISSES);
    long nanos = 0;
    double[] rates = new double[tokens];
    for (int token = 0; token < tokens; token++) {
      nanos += ledger.tokenNanos(token);
      double hit = ledger.ofToken(token, Quantity.HITS);
      double all = hit + ledger.ofToken(token, Quantity.MISSES);
      rates[token] = all == 0 ? 1 : hit / all;
    }
    Arrays.sort(rates);
    return new Summary(
        tokens,
        bytes / each,
        ledger.total(Quantity.BYTES_USED) / each,
        requests / each,
        requests == 0 ? 0 : bytes / requests,
        ioSeconds == 0 ? 0 : bytes / 1e6 / ioSeconds,
        ioSeconds == 0 ? 0 : ledger.total(Quantity.BYTES_USED_OF_READ) / 1e6 / ioSeconds,
        1e3 * ioSeconds / each,
        nanos / 1e6 / each,
        lookups == 0 ? 1 : hits / lookups,
        tokens == 0 ? 1 : rates[(int) (0.01 * tokens)],
        ledger.total(Quantity.ACTIVE) / each,
        ledger.total(Quantity.PREDICTED) / each,
        ledger.total(Quantity.MISSES) / each,
        millis(ledger, Quantity.PREDICT_NANOS, each),
        millis(ledger, Quantity.CACHE_NANOS, each),
        millis(ledger, Quantity.MEMORY_NANOS, each),
        millis(ledger, Quantity.COMPUTE_NANOS, each),
        millis(ledger, Quantity.ATTENTION_NANOS, each),
        millis(ledger, Quantity.HEAD_NANOS, each),
        millis(ledger, Quantity.CHECK_NANOS, each),
        ledger.total(Quantity.REPEATS));
  }

  private static double millis(Ledger ledger, Quantity quantity, double tokens) {
    return ledger.total(quantity) / 1e6 / tokens;
  }
}
