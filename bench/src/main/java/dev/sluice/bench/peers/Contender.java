package dev.sluice.bench.peers;

/** Which rivals take part. */
public enum Contender {
  /** llama.cpp and Sluice without a limit. */
  REFERENCE,
  /** llama.cpp over the GGUF, mapped, beyond RAM. */
  LLAMA,
  /** llama.cpp over the largest k-quant that fits. */
  QUANT,
  /** Sluice with as much pinned as fits and the rest streamed densely. */
  PINNED,
  /** Sluice with all of its method. */
  SLUICE
}
