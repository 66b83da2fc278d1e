package dev.sluice.bench.report;

import dev.sluice.bench.compare.Comparison.ModelResult;
import dev.sluice.bench.compare.Comparison.Rung;
import dev.sluice.bench.compare.Comparison.Width;
import dev.sluice.engine.ledger.Summary;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Tables of runs: what they read, where their time went, how they were set up. */
final class RunTables {
  private static final Column<Rung> NAME = Column.text("run", "", Rung::name);

  private static final List<Column<Rung>> FIGURES =
      List.of(
          NAME,
          figure("KB per token", "KB/\ntoken", 0,
              "FFN bytes read from flash per token, counted at the block reader; 1 KB is 1,000 bytes.",
              f -> Digits.kilobytes(f.bytesReadPerToken())),
          figure("requests per token", "reads/\ntoken", 3, "Read requests submitted per token.",
              f -> Digits.three(f.requestsPerToken())),
          figure("KB per request", "KB/\nread", 5, "Mean size of a request.",
              f -> Digits.kilobytes(f.bytesPerRequest())),
          figure("raw MB/s", "raw\nMB/s", 7,
              "Bytes read per second spent in I/O; 1 MB is 10⁶ bytes.",
              f -> Digits.three(f.rawMegabytesPerSecond())),
          figure("effective MB/s", "eff.\nMB/s", 4,
              "The same, counting only the bytes of active neurons among those read.",
              f -> Digits.three(f.effectiveMegabytesPerSecond())),
          figure("I/O ms per token", "I/O\nms", 0,
              "Time spent submitting reads and waiting for them, not the time in which reads went on behind"
                  + " computation.",
              f -> Digits.three(f.ioMillisPerToken())),
          figure("hit rate, mean %", "hit\n%", 1,
              "Wanted bundles found in RAM, over all tokens; 100 where none was looked up.",
              f -> Digits.percent(f.hitRate())),
          figure("hit rate, P99 %", "P99\n%", 6,
              "The hit rate that 99 % of tokens reach or exceed.",
              f -> Digits.percent(f.hitRateP99())),
          Column.figure("perplexity", "perpl.", 2,
              "exp of the mean negative log likelihood on the held-out text, with the run's rule and predictor.",
              rung -> Digits.fixed(rung.perplexity(), 2)));

  private static final List<Column<Rung>> TIMES =
      List.of(
          NAME,
          figure("ms per token", "ms/\ntoken", 0,
              "Wall-clock time of a token, all parts and the rest of the model.",
              f -> Digits.three(f.millisPerToken())),
          figure("I/O ms", "I/O", 0, "As I/O ms per token.",
              f -> Digits.three(f.ioMillisPerToken())),
          figure("predict ms", "predict", 0, "Time in the predictor.",
              f -> Digits.three(f.predictMillisPerToken())),
          figure("cache ms", "cache", 0, "Time in looking up, admitting and evicting bundles.",
              f -> Digits.three(f.cacheMillisPerToken())),
          figure("memory ms", "memory", 0, "Time verifying checksums and copying between buffers.",
              f -> Digits.three(f.checkMillisPerToken() + f.memoryMillisPerToken())),
          figure("compute ms", "compute", 0, "Time in the FFN's arithmetic.",
              f -> Digits.three(f.computeMillisPerToken())),
          figure("active neurons", "active", 0,
              "Neurons per token, over all layers, that the rule calls active.",
              f -> Digits.three(f.activePerToken())),
          figure("predicted neurons", "predicted", 0,
              "Neurons per token, over all layers, that the predictor asks for; only these are read and computed.",
              f -> Digits.three(f.predictedPerToken())),
          figure("KB used per token", "used KB", 0,
              "Bytes of active neurons per token, read or already in RAM.",
              f -> Digits.kilobytes(f.bytesUsedPerToken())),
          figure("tokens", "tokens", 0, "Tokens measured in this run, after warming up.",
              f -> Digits.count(f.tokens())));

  private static final List<Column<Rung>> SETUPS =
      List.of(
          NAME,
          Column.<Rung>text("layout", "", Rung::layout)
              .defined(
                  "Bundles: a neuron's rows and column lie side by side. Rows apart: each matrix by itself, down"
                      + " transposed."),
          Column.<Rung>text("order", "", Rung::order)
              .defined(
                  "Order of neurons on disk: as in the checkpoint, or a greedy path through co-activation counts."),
          Column.<Rung>text("rule", "", Rung::rule)
              .defined(
                  "What makes a neuron active. exact: h ≠ 0, lossless for ReLU-family models. output: the"
                      + " magnitude of its output reaches a threshold. gate: |act(gate)| reaches a threshold."),
          Column.<Rung>text("predictor", "", Rung::predictor)
              .defined(
                  "What foresees active neurons. all: everything is read. oracle: computes everything first; a"
                      + " bound. quantised-b: a copy of the deciding weights at b bits, kept in RAM."),
          Column.figure("CETT", "", 0,
              "Mean relative error of the FFN's output that the thresholds were searched for, on calibration text.",
              rung -> Digits.fixed(rung.cett(), 4)),
          Column.figure("slots", "", 0, "Bundles that fit in RAM beside the predictor.",
              rung -> Digits.count(rung.slots())),
          Column.figure("pinned", "", 0, "Slots that hold the most frequent bundles for good.",
              rung -> Digits.count(rung.pinned())),
          Column.<Rung>text("merging", "", Rung::merging)
              .defined("Gaps over which neighbouring reads are joined into one request."));

  private RunTables() {}

  private static Column<Rung> figure(
      String heading, String label, int rank, String definition, Function<Summary, String> cell) {
    return Column.figure(heading, label, rank, definition, rung -> cell.apply(rung.figures()));
  }

  static Table<Rung> ladder(ModelResult model, Width width) {
    return new Table<>("Ladder, " + name(model, width), FIGURES, width.ladder());
  }

  /** The ladder's last rung, the whole method, stands first for comparison. */
  static Table<Rung> leaveOneOut(ModelResult model, Width width) {
    List<Rung> rows = new ArrayList<>();
    if (!width.ladder().isEmpty()) {
      rows.add(named(width.ladder().getLast(), "everything"));
    }
    rows.addAll(width.leaveOneOut());
    return new Table<>("Leave one out, " + name(model, width), FIGURES, rows);
  }

  static Table<Rung> times(ModelResult model, Width width) {
    return new Table<>("Time and neurons, " + name(model, width), TIMES, all(width));
  }

  static Table<Rung> setups(ModelResult model, Width width) {
    return new Table<>("Set-up of each run, " + name(model, width), SETUPS, all(width));
  }

  private static List<Rung> all(Width width) {
    List<Rung> rows = new ArrayList<>(width.ladder());
    rows.addAll(width.leaveOneOut());
    return rows;
  }

  private static String name(ModelResult model, Width width) {
    return model.name() + ": bundles " + (width.padded() ? "padded to " : "of ")
        + Digits.size(width.bundleBytesOnDisk());
  }

  private static Rung named(Rung rung, String name) {
    return new Rung(
        name, rung.layout(), rung.order(), rung.rule(), rung.predictor(), rung.cett(), rung.slots(),
        rung.pinned(),
        rung.merging(), rung.perplexity(), rung.figures());
  }
}
