package dev.sluice.storage.store;

import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.nio.file.Path;

/** A process of its own that writes all of a store, says so, and waits to be killed before it publishes. */
final class UnfinishedWriter {
  private UnfinishedWriter() {}

  public static void main(String[] args) throws IOException {
    ModelSpec spec = StoreFixtures.spec(FfnForm.GATED, TensorType.F16);
    try (StoreWriter writer =
        StoreWriter.create(Path.of(args[0]), spec, StoreWriter.Options.DEFAULT)) {
      StoreFixtures.fill(writer, spec, 1);
      System.out.println("writing");
      System.out.flush();
      if (System.in.read() < 0) {
        throw new IOException("nobody killed us");
      }
    }
  }
}
