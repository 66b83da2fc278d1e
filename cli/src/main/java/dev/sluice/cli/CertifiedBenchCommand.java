package dev.sluice.cli;

import dev.sluice.bench.predictor.CertifiedResult;
import dev.sluice.bench.predictor.CertifiedTrial;
import dev.sluice.bench.report.CertifiedReport;
import dev.sluice.bench.report.JsonReport;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.predictor.CertifiedLayer;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.trace.TraceReader;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "certified",
    description = {
      "Tries certified skipping on a ReLU or ReLU² store: which share of the inactive neurons copies of several widths prove, by "
          + "norms and by dither, for how much RAM and time; and how often errors exceed their bound over fresh dithers.",
      "Directions come from the trace's inputs, everything else from the held-out text."
    },
    footer = {"", "Example:", "  sluice bench certified -m relu2.sluice --trace relu2.trace"})
final class CertifiedBenchCommand implements Callable<Integer> {
  private static final int WINDOW_TOKENS = 256;

  @Spec
  private CommandSpec spec;

  @Mixin
  private StoreOption store;

  @Option(names = "--trace", required = true, paramLabel = "FILE",
      description = "A trace of the store given with -m.")
  private Path traceFile;

  @Option(names = "--bits", paramLabel = "BITS", split = ",", defaultValue = "4,5,6,8",
      description = "Copies to try. Default: ${DEFAULT-VALUE}.")
  private List<Integer> bits;

  @Option(names = "--directions", paramLabel = "N", split = ",", defaultValue = "0,16",
      description = "Along so many principal directions of the inputs errors are kept exactly; multiples of 4. Default: "
          + "${DEFAULT-VALUE}.")
  private List<Integer> directions;

  @Option(names = "--deltas", paramLabel = "P", split = ",", defaultValue = "1e-12,1e-18",
      description = "Probabilities of failure of each decision by dither. Default: ${DEFAULT-VALUE}.")
  private List<Double> deltas;

  @Option(names = "--rare", paramLabel = "P", split = ",", defaultValue = "1e-2,1e-3,1e-4",
      description = "Probabilities at which failures are counted. Default: ${DEFAULT-VALUE}.")
  private List<Double> rare;

  @Option(names = "--dithers", paramLabel = "N", defaultValue = "8",
      description = "Fresh dithers for that. Default: ${DEFAULT-VALUE}.")
  private int dithers;

  @Option(names = "--positions", paramLabel = "N", defaultValue = "32",
      description = "Recorded inputs of each layer for that. Default: ${DEFAULT-VALUE}.")
  private int positions;

  @Option(names = "--text", paramLabel = "FILE",
      description = "The text, UTF-8. Default: the held-out text that comes with Sluice.")
  private Path text;

  @Option(names = "--tokens", paramLabel = "N", defaultValue = "8192",
      description = "Only the first N tokens of the text. Default: ${DEFAULT-VALUE}.")
  private int tokens;

  @Option(names = {"-s", "--seed"}, paramLabel = "N", defaultValue = "1",
      description = "Seed of the dither. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Mixin
  private ReadingOptions reading;

  @Option(names = "--json", description = "Print one JSON object instead of tables.")
  private boolean json;

  @Override
  public Integer call() {
    CertifiedTrial.Plan plan = plan();
    Path file = text == null ? Embedded.model("held-out.txt") : text;
    try (Store opened = store.open();
        TraceReader trace = TraceReader.open(traceFile);
        Workers workers = reading.workers();
        ProgressBar bar = new ProgressBar()) {
      if (!trace.header().storeDigest().equals(opened.digest())) {
        throw new BadInputException(traceFile, "it was not recorded from " + opened.folder(),
            "name the trace of that store");
      }
      int[] ids = TextSource.tokens(opened, file, tokens, WINDOW_TOKENS);
      CertifiedResult result = new CertifiedTrial(opened, trace, workers, plan)
          .measure(ids, bar::report);
      spec.commandLine().getOut().println(json ? JsonReport.json(result)
          : CertifiedReport.render(result, Terminal.columns()));
    }
    return 0;
  }

  private CertifiedTrial.Plan plan() {
    if (!List.of(4, 5, 6, 8).containsAll(bits)) {
      throw new BadInputException("--bits", "certified copies have 4, 5, 6 or 8 bits",
          "give any of these");
    }
    if (!directions.stream().allMatch(
        each -> each >= 0 && each % 4 == 0 && each <= CertifiedLayer.MAX_DIRECTIONS)) {
      throw new BadInputException("--directions", "are multiples of 4 up to "
          + CertifiedLayer.MAX_DIRECTIONS, "give such as 0,16");
    }
    for (List<Double> each : List.of(deltas, rare)) {
      if (!each.stream().allMatch(delta -> delta > 0 && delta < 1)) {
        throw new BadInputException("--deltas or --rare", "probabilities lie between 0 and 1",
            "give such as 1e-12");
      }
    }
    if (dithers < 0 || positions < 1 || tokens < 2) {
      throw new BadInputException("--dithers, --positions or --tokens", "is too small",
          "give at least 1");
    }
    return new CertifiedTrial.Plan(bits, directions, deltas, rare, dithers, positions, seed);
  }
}
