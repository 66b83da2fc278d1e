package dev.sluice.bench.compare;

import dev.sluice.bundler.pack.Repacker;
import dev.sluice.bundler.pack.Repacker.Rearrangement;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The same model laid out in other ways, written once beside each other and named by the digest of what they were made
 * from. Opened stores stay open until this is closed.
 */
final class Variants implements AutoCloseable {
  private final Store base;
  private final Path folder;
  private final Map<Layout, Store> open = new HashMap<>();

  /**
   * A layout.
   *
   * @param strideBytes bytes from bundle to bundle; 0 for no padding
   */
  record Layout(Arrangement arrangement, Rearrangement order, int strideBytes) {
    String fileName(Store base) {
      return String.format(
          Locale.ROOT,
          "%s-%s-%s-%d.sluice",
          base.digest().substring(0, 16),
          arrangement.name().toLowerCase(Locale.ROOT),
          order == Rearrangement.KEEP ? "ordered" : "identity",
          strideBytes);
    }
  }

  Variants(Store base, Path folder) {
    this.base = base;
    this.folder = folder;
  }

  Store store(Layout layout) {
    return open.computeIfAbsent(layout, this::openOrMake);
  }

  private Store openOrMake(Layout layout) {
    Path target = folder.resolve(layout.fileName(base));
    if (!Files.exists(target)) {
      try {
        Files.createDirectories(folder);
      } catch (IOException e) {
        throw new FaultException(
            folder, "cannot be made (" + FaultException.reason(e) + ")", "choose another folder",
            e);
      }
      StoreWriter.Options options =
          new StoreWriter.Options(Container.FILE, layout.arrangement(), layout.strideBytes(),
              Existing.REFUSE);
      Repacker.repack(base, target, options, layout.order(), ProgressListener.SILENT);
    }
    return Store.open(target);
  }

  @Override
  public void close() {
    open.values().forEach(Store::close);
  }
}
