package dev.sluice.engine.ledger;

/** What the ledger counts for each token and layer. */
public enum Quantity {
  /** Requests handed to the block reader. */
  REQUESTS,
  /** Bytes asked of the device by those requests. */
  BYTES_READ,
  /** Bytes of active neurons' bundles at their width on disk, wherever they came from. */
  BYTES_USED,
  /** Bytes of active neurons' bundles that had to be read: the useful part of BYTES_READ. */
  BYTES_USED_OF_READ,
  /** Predicted bundles found resident. */
  HITS,
  /** Predicted bundles that had to be read. */
  MISSES,
  /** Neurons that the predictor named. */
  PREDICTED,
  /** Neurons that were named and for which the rule holds. */
  ACTIVE,
  /** Time in handing requests to the device, of the team's threads on average, as all times are. */
  SUBMIT_NANOS,
  /** Time blocked on the completion of requests. */
  WAIT_NANOS,
  /** Time in the predictor. */
  PREDICT_NANOS,
  /** Time in the window cache. */
  CACHE_NANOS,
  /** Time moving bundles to their slots. */
  MEMORY_NANOS,
  /** Time computing active neurons and their sum. */
  COMPUTE_NANOS,
  /** Time in attention, less what others of the team did meanwhile. */
  ATTENTION_NANOS,
  /** Time in the head; booked under the last layer. */
  HEAD_NANOS,
  /** Time comparing pages with their checksums. */
  CHECK_NANOS,
  /** Requests that were read again, because the device failed them or their pages did not match their checksums. */
  REPEATS
}
