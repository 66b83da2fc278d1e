package dev.sluice.bench.report;

import dev.sluice.bench.peers.PeerComparison;
import dev.sluice.bench.peers.PeerComparison.Figures;
import dev.sluice.bench.peers.PeerComparison.Point;
import dev.sluice.bench.peers.PeerComparison.Result;
import dev.sluice.bench.peers.PeerComparison.Setting;
import dev.sluice.bench.peers.PeerComparison.Spread;
import dev.sluice.bench.report.Provenance.Fact;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/** Peer runs as tables, two for each limit on memory: speed, and memory. */
final class PeerTables {
  private static final String OVER_RUNS =
      " The median over runs, and in brackets the least and the most.";

  private static final String MEDIAN = " The median over runs.";

  private PeerTables() {}

  static List<Table<?>> of(PeerComparison comparison) {
    List<Table<?>> tables = new ArrayList<>();
    for (Point point : comparison.points()) {
      tables.add(speed(point));
      tables.add(memory(point));
    }
    return List.copyOf(tables);
  }

  static Table<Result> speed(Point point) {
    List<Column<Result>> columns = new ArrayList<>();
    columns.add(Column.text("rival", "rival", Result::rival));
    columns.add(spread("tokens/s", "tokens\n/s", 0,
        "Tokens evaluated one by one, after the prompt, per second." + OVER_RUNS,
        Figures::tokensPerSecond, Digits::three));
    columns.add(Column.figure("times the first row's tokens/s", "× first", 1,
        "Quotient of the medians.",
        result -> quotient(result, point.results().getFirst())));
    columns.add(spread("MB/token", "MB\n/token", 0,
        "Bytes fetched from devices while tokens were decoded, per token, in millions; the kernel counts them for the process."
            + OVER_RUNS,
        Figures::megabytesPerToken, Digits::three));
    columns.add(median("CPU s/token", "CPU s\n/token", 1,
        "Processor time, user and system, of all of the process's threads while tokens were decoded."
            + MEDIAN,
        Figures::cpuSecondsPerToken, Digits::three));
    columns.add(median("TTFT, ms", "TTFT\nms", 2,
        "Time to first token: from the prompt's first token to the choice of the next; loading is not in it."
            + MEDIAN,
        Figures::timeToFirstTokenMillis, Digits::three));
    columns.add(median("TTFT: waiting for reads, ms", "read\nwait", 3,
        "The part of TTFT that went by waiting for weights to be read. Sluice reports it; llama.cpp, which reads by page faults, cannot."
            + MEDIAN,
        Figures::promptReadWaitMillis, Digits::three));
    columns.add(single("P50, first 32, ms", "P50 ms\nfirst 32", 3,
        "Half of the first 32 tokens of all runs took at most this long.",
        Figures::firstP50Millis));
    columns.add(single("P99, first 32, ms", "P99 ms\nfirst 32", 3,
        "99 of 100 of the first 32 tokens of all runs took at most this long.",
        Figures::firstP99Millis));
    columns.add(single("P50, later, ms", "P50 ms\nlater", 2,
        "The same for the tokens after the first 32.", Figures::laterP50Millis));
    columns.add(single("P99, later, ms", "P99 ms\nlater", 2,
        "The same for the tokens after the first 32.", Figures::laterP99Millis));
    columns.add(Column.figure("tokens", "tokens", 4,
        "Tokens decoded in a run; fewer than were given where decoding was ended for its length.",
        result -> figure(result, f -> Digits.count(f.decodedTokens()))));
    columns.add(Column.figure("runs", "runs", 5, "Runs that ended well.",
        result -> figure(result, f -> Digits.count(f.runs()))));
    return new Table<>("Speed, " + title(point), columns, point.results());
  }

  static Table<Result> memory(Point point) {
    List<Column<Result>> columns = new ArrayList<>();
    columns.add(Column.text("rival", "rival", Result::rival));
    columns.add(Column.figure("model, GB", "model\nGB", 1,
        "Size of the file or store that it reads, in billions of bytes.",
        result -> Digits.fixed(result.modelBytes() / 1e9, 2)));
    columns.add(median("held at most, MB", "held\nMB", 0,
        "Most anonymous and mapped memory of its cgroup, sampled 20 times a second." + MEDIAN,
        Figures::peakHeldBytes, PeerTables::megabytes));
    columns.add(median("charged at most, MB", "charged\nMB", 0,
        "Most memory that counted towards its limit, page cache included." + MEDIAN,
        Figures::peakGroupBytes, PeerTables::megabytes));
    columns.add(median("limit hits", "limit\nhits", 0,
        "How often the group ran into its limit and pages had to be reclaimed (failcnt), loading included."
            + MEDIAN,
        Figures::limitHits, Digits::three));
    columns.add(median("major faults/token", "faults\n/token", 1,
        "Page faults that waited for a device while tokens were decoded, per token." + MEDIAN,
        Figures::majorFaultsPerToken, Digits::three));
    columns.add(single("major faults/token, later", "later", 2,
        "The same for the tokens after the first 32.", Figures::laterMajorFaultsPerToken));
    columns.add(median("start, ms", "start\nms", 2,
        "From the start of the process to the beginning of the prompt." + MEDIAN,
        Figures::startMillis, Digits::three));
    columns.add(Column.figure("Δ perplexity, %", "Δ ppl\n%", 3,
        "Against the whole GGUF, over the given continuation; of learned weights only.",
        result -> figure(result, f -> Digits.fixed(100 * f.perplexityChange(), 2))));
    columns.add(Column.text("note", "note", Result::note));
    return new Table<>("Memory, " + title(point), columns, point.results());
  }

  static Table<Fact> setting(PeerComparison comparison) {
    Setting setting = comparison.setting();
    List<Fact> facts = new ArrayList<>();
    facts.add(new Fact("made by", setting.madeBy()));
    facts.add(new Fact("model", setting.model()));
    facts.add(new Fact("weights", setting.weights()));
    facts.add(new Fact("GGUF", Digits.size((double) setting.ggufBytes())));
    facts.add(new Fact("peer", setting.peer()));
    facts.add(new Fact("processor", setting.processor()));
    facts.add(new Fact("bound to processors", setting.processors()));
    facts.add(new Fact("threads", Digits.count(setting.threads())));
    facts.add(new Fact("tokens of prompt", Digits.count(setting.promptTokens())));
    facts.add(new Fact("tokens given after it", Digits.count(setting.decodeTokens())));
    facts.add(new Fact("runs of each rival, in turns", Digits.count(setting.runs())));
    facts.add(new Fact("llama.cpp begins no token after, s",
        Digits.three(setting.maxDecodeSeconds())));
    facts.add(new Fact("page cache", setting.pageCache()));
    for (Point point : comparison.points()) {
      for (Result result : point.results()) {
        Fact fact = new Fact(result.rival(), result.description());
        if (!facts.contains(fact)) {
          facts.add(fact);
        }
      }
    }
    return new Table<>("Setting",
        List.of(Column.text("fact", "", Fact::name), Column.text("value", "", Fact::value)), facts);
  }

  /** Such as {@code RAM 1/2 of the GGUF (2.46 GB)}. */
  static String title(Point point) {
    if (point.limitBytes() == 0) {
      return point.ram();
    }
    String size = Digits.size((double) point.limitBytes());
    return point.ram().contains("/") ? "RAM " + point.ram() + " of the GGUF (" + size + ")"
        : "RAM " + point.ram() + " (" + size + ", " + Digits.brief(point.ramShare())
            + " % of the GGUF)";
  }

  private static String quotient(Result result, Result first) {
    if (result.figures() == null || first.figures() == null) {
      return Digits.three(Double.NaN);
    }
    return Digits.three(result.figures().tokensPerSecond().median()
        / first.figures().tokensPerSecond().median());
  }

  private static Column<Result> spread(
      String heading, String label, int rank, String definition, Function<Figures, Spread> value,
      Function<Double, String> digits) {
    return Column.figure(heading, label, rank, definition,
        result -> figure(result, figures -> text(value.apply(figures), digits)));
  }

  private static Column<Result> median(
      String heading, String label, int rank, String definition, Function<Figures, Spread> value,
      Function<Double, String> digits) {
    return Column.figure(heading, label, rank, definition,
        result -> figure(result, figures -> digits.apply(value.apply(figures).median())));
  }

  private static Column<Result> single(
      String heading, String label, int rank, String definition, ToDoubleFunction<Figures> value) {
    return Column.figure(heading, label, rank, definition,
        result -> figure(result, figures -> Digits.three(value.applyAsDouble(figures))));
  }

  private static String figure(Result result, Function<Figures, String> text) {
    return Optional.ofNullable(result.figures()).map(text).orElse("–");
  }

  private static String text(Spread spread, Function<Double, String> digits) {
    String median = digits.apply(spread.median());
    return spread.least() == spread.most() ? median
        : median + " (" + digits.apply(spread.least()) + "–" + digits.apply(spread.most()) + ")";
  }

  private static String megabytes(double bytes) {
    return Digits.three(bytes / 1e6);
  }
}
