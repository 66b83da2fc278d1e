package dev.sluice.engine.ffn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.session.TinyStore;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LayerStreamTest {
  private static final long SLEEP_MILLIS = 3;

  @TempDir
  Path folder;

  @Test
  void timeWithoutBytesIsCounted() {
    AtomicInteger asked = new AtomicInteger();
    try (Store store = Store.open(TinyStore.of(FfnForm.UNGATED).write(folder.resolve("tiny"),
        new StoreWriter.Options(Container.FILE, Arrangement.BUNDLED, 0, Existing.REFUSE)));
        LayerStream layers = new LayerStream(store, slow(store, asked))) {
      assertEquals(0, layers.waitNanos());
      for (int layer = 0; layer < TinyStore.LAYERS; layer++) {
        layers.load(layer, layer + 1 < TinyStore.LAYERS ? layer + 1 : -1);
      }
      assertTrue(asked.get() > TinyStore.LAYERS);
      assertTrue(
          layers.waitNanos() >= TimeUnit.MILLISECONDS.toNanos(SLEEP_MILLIS) * asked.get(),
          layers.waitNanos() + " ns of " + asked + " reads");
    }
  }

  /** A reader that hands nothing out before some time is over. */
  private static BlockReader slow(Store store, AtomicInteger asked) {
    BlockReader reader = BlockReaders.open(store.ffn().file(), Backend.PREAD);
    return (BlockReader) Proxy.newProxyInstance(BlockReader.class.getClassLoader(),
        new Class<?>[] {BlockReader.class}, (_, method, arguments) -> {
          if (method.getName().equals("next")) {
            asked.incrementAndGet();
            Thread.sleep(SLEEP_MILLIS);
          }
          try {
            return method.invoke(reader, arguments);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
        });
  }
}
