package dev.sluice.cli;

import dev.sluice.engine.text.TextFile;
import dev.sluice.engine.text.Tokenizer;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Store;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import picocli.CommandLine.Option;

/** What to continue: a text, a file, or token ids. */
final class PromptOptions {
  @Option(names = {"-p", "--prompt"}, paramLabel = "TEXT", description = "The prompt.")
  private String text;

  @Option(names = {"-f", "--file"}, paramLabel = "FILE",
      description = "A file with the prompt, UTF-8.")
  private Path file;

  @Option(names = "--prompt-ids", paramLabel = "IDS",
      description = "The prompt as token ids, such as 5,17,300.")
  private String ids;

  /** Whether {@link #ids} may be asked twice: a pipe gives its text once. */
  boolean isRepeatable() {
    return file == null || Files.isRegularFile(file);
  }

  int[] ids(Store store, StoreTokenizer tokenizers) {
    int given = (text == null ? 0 : 1) + (file == null ? 0 : 1) + (ids == null ? 0 : 1);
    if (given != 1) {
      throw new BadInputException("run",
          given == 0 ? "there is no prompt" : "there is more than one prompt",
          "give one of -p, -f, --prompt-ids");
    }
    if (ids != null) {
      return parse("--prompt-ids", ids, store.spec().vocabulary());
    }
    Tokenizer tokenizer = tokenizers.required();
    int[] encoded = tokenizer.encode(text != null ? text : TextFile.read(file));
    int[] first = tokenizer.beginning();
    int[] all = Arrays.copyOf(first, first.length + encoded.length);
    System.arraycopy(encoded, 0, all, first.length, encoded.length);
    if (all.length == 0) {
      throw new BadInputException(file == null ? "--prompt" : file, "the prompt is empty",
          "give some text");
    }
    return all;
  }

  /** Token ids as a user lists them. */
  static int[] parse(String flag, String ids, int vocabulary) {
    String[] parts = ids.split(",", -1);
    int[] result = new int[parts.length];
    for (int i = 0; i < parts.length; i++) {
      try {
        result[i] = Integer.parseInt(parts[i].strip());
      } catch (NumberFormatException e) {
        throw new BadInputException(flag, "'" + parts[i] + "' is no token id",
            "write ids like 5,17,300", e);
      }
      if (result[i] < 0 || result[i] >= vocabulary) {
        throw new BadInputException(
            flag, result[i] + " is no token id of this model",
            "its ids are 0 to " + (vocabulary - 1));
      }
    }
    return result;
  }
}
