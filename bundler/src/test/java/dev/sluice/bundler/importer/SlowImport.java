package dev.sluice.bundler.importer;

import dev.sluice.storage.store.StoreWriter;
import java.nio.file.Path;

/** A process of its own that imports, says each step, and takes its time, to be killed on the way. */
final class SlowImport {
  private SlowImport() {}

  public static void main(String[] args) {
    int stopAt = Integer.parseInt(args[2]);
    int[] steps = {0};
    Importer.importCheckpoint(
        Path.of(args[0]),
        Path.of(args[1]),
        StoreWriter.Options.DEFAULT,
        (done, total) -> {
          steps[0]++;
          System.out.println("step " + steps[0]);
          System.out.flush();
          pause(steps[0] == stopAt ? 60_000 : 3);
        },
        System.out::println);
    System.out.println("done");
  }

  private static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
