package dev.sluice.cli;

import dev.sluice.storage.store.Store;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "verify",
    description = "Reads all of a store and checks every digest and page checksum.",
    footer = {"", "Example:", "  sluice verify relu2.sluice"})
final class VerifyCommand implements Callable<Integer> {
  @Spec
  private CommandSpec spec;

  @Parameters(paramLabel = "STORE", description = "The store's folder.")
  private Path folder;

  @Override
  public Integer call() {
    try (Store store = Store.open(folder);
        ProgressBar bar = new ProgressBar()) {
      store.verify((done, total) -> bar.report("verifying", done, total));
    }
    spec.commandLine().getOut().println(folder + ": whole");
    return 0;
  }
}
