package dev.sluice.cli;

import dev.sluice.engine.text.Tokenizer;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.Store;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** A store's tokenizer, read once, by another thread if asked: a large vocabulary takes seconds in which weights can be read. */
final class StoreTokenizer {
  private final Path folder;
  private final FutureTask<Optional<Tokenizer>> reading;

  /** Of a store that stays open until it is read; nothing is read yet. */
  StoreTokenizer(Store store) {
    folder = store.folder();
    reading =
        new FutureTask<>(
            () -> store.tokenizerJson()
                .map(json -> Tokenizer.parse(json, folder.toString())));
  }

  /** Lets another thread read it. */
  void begin() {
    Thread.ofPlatform().daemon().name("sluice-tokenizer").start(reading);
  }

  /** Reads it, or waits for whoever does; empty if the store has none. */
  Optional<Tokenizer> ifAny() {
    reading.run(); // does nothing where it has run, or runs
    try {
      return reading.get();
    } catch (ExecutionException e) {
      throw switch (e.getCause()) {
        case RuntimeException failure -> failure;
        case Error error -> throw error;
        default -> new IllegalStateException(e.getCause());
      };
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new FaultException(folder, "the reading of its tokenizer was interrupted", "try again",
          e);
    }
  }

  /**
   * The same of a store that must have one.
   *
   * @throws BadInputException if the store has none
   */
  Tokenizer required() {
    return ifAny().orElseThrow(() -> new BadInputException(folder, "it has no tokenizer",
        "give token ids, or import a checkpoint that has one"));
  }
}
