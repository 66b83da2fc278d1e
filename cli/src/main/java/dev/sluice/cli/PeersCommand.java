package dev.sluice.cli;

import dev.sluice.bench.peers.Contender;
import dev.sluice.bench.peers.LlamaPackage;
import dev.sluice.bench.peers.PeerComparison;
import dev.sluice.bench.peers.PeerPlan;
import dev.sluice.bench.peers.PeerRuns;
import dev.sluice.bench.peers.RamSize;
import dev.sluice.bench.peers.TokenLists;
import dev.sluice.bench.report.JsonReport;
import dev.sluice.bench.report.PeerReport;
import dev.sluice.storage.BadInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "peers",
    description = {
      "Runs llama.cpp and Sluice side by side: the same weights, given tokens, processors and limit on memory, page cache "
          + "dropped before each run, in turns.",
      "Rivals: llama.cpp over the mapped GGUF; over the largest k-quant that fits (made by llama.cpp); Sluice with as much "
          + "pinned as fits and the rest streamed; Sluice; and as references both with everything in RAM.",
      "Needs Node.js with llama.cpp's npm package, and a cgroup that this user may make (root may)."
    },
    footer = {"", "Example:",
      "  sluice bench peers --gguf model.gguf --store model.sluice --tokens tokens.json --ram 1/2,1/3 --html peers.html"})
final class PeersCommand implements Callable<Integer> {
  @Spec
  private CommandSpec spec;

  @Option(names = "--gguf", paramLabel = "FILE", required = true,
      description = "The model for llama.cpp.")
  private Path gguf;

  @Option(names = "--store", paramLabel = "STORE",
      description = "The same model for Sluice; without it llama.cpp runs alone.")
  private Path store;

  @Option(names = "--tokens", paramLabel = "FILE", required = true,
      description = "JSON with prompt_ids and continuation_ids: all rivals evaluate these, whatever they would choose.")
  private Path tokens;

  @Option(names = "--ram", paramLabel = "SIZES", split = ",", defaultValue = "1/2,1/3",
      description = "Limits: sizes such as 2G, or shares of the GGUF such as 1/2. Default: ${DEFAULT-VALUE}.")
  private List<String> ram;

  @Option(names = "--runs", paramLabel = "N", defaultValue = "3",
      description = "Runs of each rival at each limit. Default: ${DEFAULT-VALUE}.")
  private int runs;

  @Option(names = "--prompt-tokens", paramLabel = "N",
      description = "Take the first N tokens of the prompt. Default: all.")
  private Integer promptTokens;

  @Option(names = "--decode-tokens", paramLabel = "N",
      description = "Take the first N tokens of the continuation. Default: all.")
  private Integer decodeTokens;

  @Option(names = {"-t", "--threads"}, paramLabel = "N",
      description = "Threads of every rival, each with a processor. Default: the processors this process may use.")
  private Integer threads;

  @Option(names = "--rivals", paramLabel = "LIST", split = ",",
      defaultValue = "reference,llama,quant,pinned,sluice",
      description = "Who takes part. Default: ${DEFAULT-VALUE}.")
  private List<String> rivals;

  @Option(names = "--run-options", paramLabel = "OPTIONS", defaultValue = "",
      description = "Further options of `sluice run` for the whole method, separated by spaces.")
  private String runOptions;

  @Option(names = "--max-decode-seconds", paramLabel = "S", defaultValue = "600",
      description = "After this long llama.cpp evaluates no further token; the table says how many it did. "
          + "Default: ${DEFAULT-VALUE}.")
  private double maxDecodeSeconds;

  @Option(names = "--node-modules", paramLabel = "FOLDER", defaultValue = "sluice-data/peers",
      description = "Where llama.cpp's npm package is. Default: ${DEFAULT-VALUE}.")
  private Path nodeModules;

  @Option(names = "--install",
      description = "Install the package there if it is missing; npm fetches it.")
  private boolean install;

  @Option(names = "--work", paramLabel = "FOLDER", defaultValue = "sluice-data/peers",
      description = "Where k-quants are kept. Default: ${DEFAULT-VALUE}.")
  private Path work;

  @Option(names = {"-o", "--output"}, paramLabel = "FILE",
      description = "Also write the JSON object to this file.")
  private Path output;

  @Mixin
  private ReportOptions report;

  @Override
  public Integer call() {
    PeerPlan plan = plan();
    report.requireWritable();
    ReportOptions.requireWritable(output);
    PeerComparison comparison;
    try (ProgressBar bar = new ProgressBar()) {
      comparison = new PeerRuns(plan, bar).run();
    }
    String object = JsonReport.json(comparison);
    ReportOptions.write(output, object);
    report.html().ifPresent(file -> PeerReport.write(comparison, file));
    spec.commandLine().getOut()
        .println(report.wantsJson() ? object : PeerReport.render(comparison, Terminal.columns()));
    return 0;
  }

  /** Everything is checked before hours of work. */
  private PeerPlan plan() {
    if (!Files.isRegularFile(gguf)) {
      throw new BadInputException(gguf, "is no file", "name a GGUF file");
    }
    if (store != null && !Files.isDirectory(store)) {
      throw new BadInputException(store, "is no store", "make one with sluice import");
    }
    if (runs < 1 || !(maxDecodeSeconds > 0)) {
      throw new BadInputException("--runs or --max-decode-seconds", "is too small",
          "give at least 1");
    }
    TokenLists all = TokenLists.read(tokens);
    TokenLists taken = all.first(
        promptTokens == null ? all.promptIds().size() : promptTokens,
        decodeTokens == null ? all.continuationIds().size() : decodeTokens);
    Set<Contender> contenders = contenders();
    List<RamSize> sizes = sizes();
    return new PeerPlan(
        gguf, Optional.ofNullable(store), taken, sizes, contenders, llama(),
        Embedded.launcher(),
        runOptions.isBlank() ? List.of() : List.of(runOptions.strip().split("\\s+")),
        work, runs, threads == null ? Runtime.getRuntime().availableProcessors() : threads,
        maxDecodeSeconds);
  }

  private LlamaPackage llama() {
    try {
      return LlamaPackage.find(nodeModules);
    } catch (BadInputException e) {
      if (!install) {
        throw e;
      }
      return LlamaPackage.install(nodeModules);
    }
  }

  private List<RamSize> sizes() {
    List<RamSize> sizes = new ArrayList<>();
    for (String text : ram) {
      sizes.add(RamSize.isShare(text) ? RamSize.ofShare(text, gguf.toFile().length())
          : new RamSize(text, Bytes.parse(text).count()));
    }
    return sizes;
  }

  private Set<Contender> contenders() {
    Set<Contender> contenders = EnumSet.noneOf(Contender.class);
    for (String name : rivals) {
      try {
        contenders.add(Contender.valueOf(name.strip().toUpperCase(Locale.ROOT)));
      } catch (IllegalArgumentException e) {
        throw new BadInputException("--rivals " + name, "there is no such rival",
            "use reference, llama, quant, pinned or sluice", e);
      }
    }
    return contenders;
  }
}
