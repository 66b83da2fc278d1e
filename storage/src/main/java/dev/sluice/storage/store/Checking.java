package dev.sluice.storage.store;

/** Whether bytes of the file with the bundles are compared with their checksums when a run reads them. */
public enum Checking {
  /** Always, but for experiments. */
  EVERY_PAGE,
  /** To measure what checking costs: damage becomes wrong tokens. */
  NONE
}
