package dev.sluice.cli;

import dev.sluice.engine.text.TextFile;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Store;
import java.nio.file.Path;
import java.util.Arrays;

/** Token ids of a text by a store's own tokenizer. */
final class TextSource {
  private TextSource() {}

  /** The first {@code most} ids of a list of them, at least one window. */
  static int[] ids(Store store, Path file, int most, int windowTokens) {
    String list = TextFile.read(file).strip();
    int[] ids =
        PromptOptions.parse(file.toString(), list.replaceAll("[\\s,]+", ","),
            store.spec().vocabulary());
    if (ids.length < windowTokens) {
      throw new BadInputException(
          file, "it has " + ids.length + " ids, less than one window of " + windowTokens,
          "give more of them");
    }
    return Arrays.copyOf(ids, Math.min(ids.length, most));
  }

  /** The first {@code most} ids of a text file, at least one window of them. */
  static int[] tokens(Store store, Path file, int most, int windowTokens) {
    if (most < windowTokens) {
      throw new BadInputException(
          "--tokens " + most, "is less than one window of " + windowTokens,
          "give at least " + windowTokens + ", or a smaller --ctx-size");
    }
    int[] ids = new StoreTokenizer(store).required().encode(TextFile.read(file));
    if (ids.length < windowTokens) {
      throw new BadInputException(
          file, "it has " + ids.length + " tokens, less than one window of " + windowTokens,
          "give a longer text");
    }
    return Arrays.copyOf(ids, Math.min(ids.length, most));
  }
}
