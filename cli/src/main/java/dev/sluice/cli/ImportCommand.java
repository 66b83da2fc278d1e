package dev.sluice.cli;

import dev.sluice.bundler.checkpoint.Checkpoint;
import dev.sluice.bundler.importer.ImportReport;
import dev.sluice.bundler.importer.Importer;
import dev.sluice.engine.text.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "import",
    description = {
      "Makes a store in checkpoint order from a checkpoint.",
      "The checkpoint is a folder with config.json, model.safetensors (or its shards and their index) and tokenizer.json, "
          + "as on the Hugging Face hub, or one GGUF file. Weights keep their bits."
    },
    footer = {"", "Example:", "  sluice import models/relu2 -o relu2.sluice"})
final class ImportCommand implements Callable<Integer> {
  @Spec
  private CommandSpec spec;

  @Parameters(paramLabel = "CHECKPOINT", description = "The checkpoint: a folder or a GGUF file.")
  private Path checkpoint;

  @Mixin
  private StoreOptions output;

  @Override
  public Integer call() {
    ImportReport report;
    try (Checkpoint opened = Checkpoint.open(checkpoint);
        ProgressBar bar = new ProgressBar()) {
      report =
          Importer.importCheckpoint(
              opened, output.target(), output.options(), this::checkTokenizer,
              (done, total) -> bar.report("importing", done, total),
              notice -> spec.commandLine().getErr().println(notice));
    }
    spec.commandLine()
        .getOut()
        .printf(
            Locale.ROOT,
            "%s: %s, %d layers of %d neurons, %.1f MB resident, %.1f MB of FFN in bundles of %d bytes%n",
            report.store(),
            report.spec().architecture(),
            report.spec().layers(),
            report.spec().feedForward(),
            report.denseBytes() / 1e6,
            report.ffnBytes() / 1e6,
            report.spec().bundleBytes());
    if (!report.ignoredTensors().isEmpty()) {
      spec.commandLine().getErr()
          .println("not used: " + String.join(", ", report.ignoredTensors()));
    }
    report.notes().forEach(note -> spec.commandLine().getErr().println("note: " + note));
    return 0;
  }

  /** A tokenizer that no run could use is refused while weights are written, so no store appears that none could use. */
  private void checkTokenizer(byte[] json) {
    Path file =
        Files.isDirectory(checkpoint) ? checkpoint.resolve("tokenizer.json") : checkpoint;
    Tokenizer.parse(json, file.toString());
  }
}
