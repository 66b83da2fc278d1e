package dev.sluice.cli;

import dev.sluice.bench.cache.CachePlan;
import dev.sluice.bench.cache.CacheResult;
import dev.sluice.bench.cache.CacheTrial;
import dev.sluice.bench.report.CacheReport;
import dev.sluice.bench.report.JsonReport;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.cache.CachePolicy;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "caches",
    description = {
      "Replays the tokens of a trace through each cache policy and reads what it misses from the device, policies in turns; "
          + "beside them what could be had if the future were known.",
      "The trace must be of another text than the one that the store was bundled from: order and pinned bundles come from that.",
      "Figures hold for an idle machine only."
    },
    footer = {"", "Example:",
      "  sluice bench caches -m relu2-bundled.sluice --trace held-out.trace"})
final class CachesBenchCommand implements Callable<Integer> {
  private static final int MOST_BUNDLE_BYTES = 1 << 20;

  @Spec
  private CommandSpec spec;

  @Mixin
  private StoreOption store;

  @Option(names = "--trace", paramLabel = "FILE", required = true,
      description = "A trace of the same model and another text.")
  private Path trace;

  @Option(names = "--policies", paramLabel = "LIST", split = ",",
      defaultValue = "window,lru,s3-fifo,tiny-lfu,ripple",
      description = "Which. Default: ${DEFAULT-VALUE}.")
  private List<String> policies;

  @Option(names = "--slots", paramLabel = "LIST", split = ",",
      defaultValue = "12.5%,25%,50%,75%",
      description = "Slots, as shares of the FFN. Default: ${DEFAULT-VALUE}.")
  private List<String> slots;

  @Option(names = "--pin", paramLabel = "LIST", split = ",", defaultValue = "90%,0%,50%,100%",
      description = "Shares of the slots for the most frequent bundles. The first policy at the first share is what all are "
          + "compared with. Default: ${DEFAULT-VALUE}.")
  private List<String> pins;

  @Option(names = "--warm-tokens", paramLabel = "N", defaultValue = "256",
      description = "Tokens that fill the slots first. Default: ${DEFAULT-VALUE}.")
  private int warmTokens;

  @Option(names = "--tokens", paramLabel = "N", defaultValue = "64",
      description = "Tokens a round. Default: ${DEFAULT-VALUE}.")
  private int tokens;

  @Option(names = "--rounds", paramLabel = "N", defaultValue = "9",
      description = "Rounds, each over other tokens. Default: ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(names = "--stride", paramLabel = "BYTES", defaultValue = "0",
      description = "Read a copy with bundles padded to so many bytes; 0: the store itself. Default: ${DEFAULT-VALUE}.")
  private int stride;

  @Option(names = "--merge-gap", paramLabel = "SIZE|auto", defaultValue = Merging.AUTO,
      description = "Merge reads over gaps up to this; auto: as sluice probe found best, or 16K. Default: ${DEFAULT-VALUE}.")
  private String gap;

  @Option(names = "--folder", paramLabel = "FOLDER", defaultValue = ".",
      description = "Where the copy is made, and deleted. Default: the current folder.")
  private Path folder;

  @Mixin
  private FigureOptions figures;

  @Override
  public Integer call() {
    figures.requireWritable();
    CacheResult result;
    try (ProgressBar bar = new ProgressBar()) {
      result = CacheTrial.run(plan(), new Main.Version().getVersion()[0], Processor.name(), bar);
    }
    spec.commandLine().getOut().print(figures.written(JsonReport.json(result),
        () -> CacheReport.markdown(result),
        () -> CacheReport.render(result, Terminal.columns())));
    return 0;
  }

  private CachePlan plan() {
    if (warmTokens < 0 || tokens < 1 || rounds < 1) {
      throw new BadInputException("--warm-tokens, --tokens or --rounds", "is too small",
          "give at least 0, 1 and 1");
    }
    if (stride < 0 || stride > MOST_BUNDLE_BYTES) {
      throw new BadInputException("--stride " + stride, "is out of range",
          "give 0 to " + MOST_BUNDLE_BYTES);
    }
    for (String policy : policies) {
      if (!CachePolicy.NAMES.contains(policy)) {
        throw new BadInputException("--policies " + policy, "there is no such policy",
            "use " + String.join(", ", CachePolicy.NAMES));
      }
    }
    return new CachePlan(store.folder(), trace, folder.toAbsolutePath(), stride, policies,
        shares("--slots", slots), shares("--pin", pins), warmTokens, tokens, rounds,
        Merging.of(stride == 0 ? store.folder() : folder.toAbsolutePath(), gap).limits());
  }

  private static List<Double> shares(String flag, List<String> texts) {
    return texts.stream().map(text -> MemoryOptions.share(flag, text)).toList();
  }
}
