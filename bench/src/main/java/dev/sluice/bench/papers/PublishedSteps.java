package dev.sluice.bench.papers;

import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.bench.papers.ResultTable.Rows;
import dev.sluice.bench.papers.StepReplay.Geometry;
import dev.sluice.bench.papers.StepReplay.Reads;
import dev.sluice.bench.papers.StepReplay.Step;
import dev.sluice.bench.synth.Profile;
import dev.sluice.bench.synth.SimulatedActivity;
import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.plan.DeviceModel;
import dev.sluice.storage.plan.DeviceProbe;
import java.util.List;
import java.util.Locale;

/**
 * The steps of LLM in a flash with their times by device models, beside those published. No model is run and nothing is read,
 * but to probe the device.
 */
record PublishedSteps(ResultTable table, String sentence) {
  /** Of the paper. */
  private static final int WINDOW_TOKENS = 5;

  private static final int GAP_BYTES = SystemsCompared.USUAL.gapBytes();

  /** For OPT-6.7B's shape and firings of its profile. */
  static PublishedSteps replay(Laboratory laboratory) {
    DeviceModel paper = StepReplay.paperFlash();
    DeviceModel here = device(laboratory.models().getFirst().model());
    Geometry opt = Geometry.OPT_6_7B;
    int tokens = laboratory.effort().ioTokens();
    List<Activity> layers = SimulatedActivity.layers(
        Profile.OPT_6_7B, opt.layers(), opt.neurons(), WINDOW_TOKENS + tokens, Effort.SEED);
    StepReplay steps = new StepReplay(opt, SystemsCompared.USUAL.maxRequestBytes());
    Rows rows = new Rows();
    for (Step step : Step.values()) {
      Reads reads = steps.of(step, layers, WINDOW_TOKENS, GAP_BYTES, WINDOW_TOKENS);
      rows.add(step.name().toLowerCase(Locale.ROOT), step.does(), reads.bytes() / 1e9,
          reads.requests(), step.publishedMillis(), reads.millis(paper), reads.millis(here));
    }
    Reads named = steps.of(Step.PREDICTOR, layers, WINDOW_TOKENS, GAP_BYTES, WINDOW_TOKENS);
    Reads fresh = steps.of(Step.BUNDLING, layers, WINDOW_TOKENS, GAP_BYTES, WINDOW_TOKENS);
    String sentence = String.format(Locale.ROOT,
        "OPT-6.7B is not run: made-up firings (%.1f %% of neurons named, %.1f %% new to a window of five tokens, where LLM in a flash "
            + "gives 10 and 2.4; seed %d) are planned for its shape, and times are simulated: t0 per request and bytes "
            + "over a bandwidth, %.1f us and %.1f GB/s as fitted to the throughputs of the paper's own table, and %.1f us and "
            + "%.1f GB/s as probed here just now.",
        100 * named.bytes() / opt.ffnBytes(), 100 * fresh.bytes() / opt.ffnBytes(), Effort.SEED,
        paper.requestMicros(), paper.bytesPerSecond() / 1e9, here.requestMicros(),
        here.bytesPerSecond() / 1e9);
    return new PublishedSteps(new ResultTable("opt_replay",
        "OPT-6.7B, simulated, beside LLM in a flash's published I/O", Place.EVERYWHERE, List.of(
            Column.text("step", "step"), Column.text("does", "what it does").ranked(3),
            Column.figure("read_gb_per_token", "GB per token", "GB", Digits.THREE)
                .meaning("Of matrices in float16, by the step's definition; counted, not read."),
            Column.figure("requests_per_token", "requests per token", "reqs", Digits.COUNT)
                .ranked(1)
                .meaning(
                    "Large reads end at 512 KiB; rows, columns and bundles are a request each until neighbours are joined."),
            Column.figure("published_io_ms", "published, ms", "paper\nms", Digits.ONE)
                .meaning(
                    "I/O of a token on an M1 Max, half of the model in RAM (arXiv 2312.11514)."),
            Column.figure("simulated_paper_flash_ms", "simulated, paper's flash, ms",
                "sim.\npaper", Digits.ONE)
                .meaning(
                    "By the line fitted to 1.25 GB/s at 8 KiB, 2.25 at 16 KiB and 6.1 for large reads."),
            Column.figure("simulated_here_ms", "simulated, this device, ms", "sim.\nhere",
                Digits.ONE).meaning("By the line probed on this machine's disk.")),
        rows.all()), sentence);
  }

  private static DeviceModel device(PaperModel model) {
    try (BlockReader reader = BlockReaders.open(model.store().ffn().file(), model.backend())) {
      return DeviceProbe.measure(reader, model.store().ffnFileBytes());
    }
  }
}
