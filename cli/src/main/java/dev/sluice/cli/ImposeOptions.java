package dev.sluice.cli;

import dev.sluice.bench.impose.DenseFirings;
import dev.sluice.bench.impose.ImposedPredictor;
import dev.sluice.bench.impose.ImposedPredictor.Rates;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.session.Engine;
import dev.sluice.storage.store.ModelSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import picocli.CommandLine.Option;

/** For throughput on synthetic weights: the predictor works as ever, but what it names is imposed. */
final class ImposeOptions implements AutoCloseable {
  @Option(
      names = "--impose",
      paramLabel = "FILE",
      description = "For synthetic weights, with --force-ids: name the neurons that a dense run of the same tokens, recorded in "
          + "FILE (made if it is not there), found active, less 5 %% and with false alarms, as published for LLM in a "
          + "flash. The chosen predictor runs as ever, so that its time and memory count.")
  private Path file;

  @Option(
      names = "--impose-alarms",
      paramLabel = "SHARE",
      defaultValue = "7%",
      description = "False alarms of --impose, as a share of the active neurons; an early predictor has more, one that looks ahead more still. Default: "
          + "${DEFAULT-VALUE}.")
  private String falseAlarms;

  private DenseFirings firings; // open from predictor() to close()

  boolean isGiven() {
    return file != null;
  }

  /** Heap that imposing takes, and recording before it if the file is not there. */
  long heapBytes(ModelSpec spec, int tokens) {
    if (file == null) {
      return 0;
    }
    return ImposedPredictor.heapBytes(spec)
        + (Files.exists(file) ? 0 : DenseFirings.recordingHeapBytes(spec, tokens));
  }

  /** Who names neurons for single tokens. */
  ActivePredictor predictor(Engine engine, int[] prompt, int[] forced, long seed) {
    if (file == null) {
      return engine.tokenPredictor();
    }
    int[] ids = Arrays.copyOf(prompt, prompt.length + forced.length);
    System.arraycopy(forced, 0, ids, prompt.length, forced.length);
    try (ProgressBar bar = new ProgressBar()) {
      firings =
          DenseFirings.of(file, engine, ids,
              (done, total) -> bar.report("recording the dense run", done, total));
      return new ImposedPredictor(firings, engine.store().spec(), prompt.length,
          Rates.published(seed).withFalseAlarms(
              MemoryOptions.share("--impose-alarms", falseAlarms)),
          engine.tokenPredictor());
    }
  }

  /** Closes the file, when nobody predicts any more. */
  @Override
  public void close() {
    if (firings != null) {
      firings.close();
    }
  }
}
