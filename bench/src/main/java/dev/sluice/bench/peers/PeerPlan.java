package dev.sluice.bench.peers;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What is to be run.
 *
 * @param store the same weights as a store; without it only llama.cpp runs
 * @param launcher {@code ./sluice}
 * @param runOptions further options of {@code sluice run}, for the whole method only
 * @param work where k-quants are kept
 * @param runs of each rival at each size
 * @param maxDecodeSeconds after this long llama.cpp evaluates no further token
 */
public record PeerPlan(
    Path gguf, Optional<Path> store, TokenLists tokens, List<RamSize> sizes,
    Set<Contender> contenders, LlamaPackage llama, Path launcher, List<String> runOptions,
    Path work, int runs, int threads, double maxDecodeSeconds) {
  public PeerPlan {
    sizes = List.copyOf(sizes);
    contenders = Set.copyOf(contenders);
    runOptions = List.copyOf(runOptions);
  }

  boolean has(Contender contender) {
    return contenders.contains(contender);
  }
}
