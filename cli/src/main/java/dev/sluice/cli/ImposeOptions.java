package dev.sluice.cli;

import dev.sluice.bench.impose.DenseFirings;
import dev.sluice.bench.impose.ImposedPredictor;
import dev.sluice.bench.impose.ImposedPredictor.Rates;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.session.Engine;
import dev.sluice.storage.store.ModelSpec;
import java.nio.file.Path;
import java.util.Arrays;
import picocli.CommandLine.Option;

/** For throughput on synthetic weights: the predictor works as ever, but what it names is imposed. */
final class ImposeOptions {
  @Option(
      names = "--impose",
      paramLabel = "FILE",
      description = "For synthetic weights, with --force-ids: name the neurons that a dense run of the same tokens, recorded in "
          + "FILE (made if it is not there), found active, less 5 %% and with 7 %% false alarms, as published for LLM in a "
          + "flash. The chosen predictor runs as ever, so that its time and memory count.")
  private Path file;

  boolean isGiven() {
    return file != null;
  }

  /** Heap that the recorded firings take: a bit for each neuron and token, twice while they are read. */
  long heapBytes(ModelSpec spec, int tokens) {
    long words = (long) tokens * spec.layers() * ((spec.feedForward() + 63) / 64);
    return file == null ? 0 : 2 * Long.BYTES * words;
  }

  /** Who names neurons for single tokens. */
  ActivePredictor predictor(Engine engine, int[] prompt, int[] forced, long seed) {
    if (file == null) {
      return engine.tokenPredictor();
    }
    int[] ids = Arrays.copyOf(prompt, prompt.length + forced.length);
    System.arraycopy(forced, 0, ids, prompt.length, forced.length);
    try (ProgressBar bar = new ProgressBar()) {
      DenseFirings firings =
          DenseFirings.of(file, engine, ids,
              (done, total) -> bar.report("recording the dense run", done, total));
      return new ImposedPredictor(firings, engine.store().spec(), prompt.length,
          Rates.published(seed), engine.tokenPredictor());
    }
  }
}
