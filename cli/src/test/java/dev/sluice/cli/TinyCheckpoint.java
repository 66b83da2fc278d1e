package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.StringJoiner;

/** A copy of the fixture {@code arcee-relu2} (3 layers, hidden 64, 256 neurons, 512 token ids) with a byte tokenizer, to be broken. */
record TinyCheckpoint(Path folder) {
  static final String WEIGHTS = "model.safetensors";
  static final String CONFIG = "config.json";
  static final String TOKENIZER = "tokenizer.json";

  /** Tokens of {@link #byteTokenizer}: one special one and the bytes. */
  static final int TOKENS = 257;

  private static final Path FIXTURE =
      Path.of(System.getProperty("sluice.root"), "fixtures", "hf", "arcee-relu2");

  /** Writes a sound copy. */
  static TinyCheckpoint write(Path folder) throws IOException {
    Files.createDirectories(folder);
    for (String name : new String[] {CONFIG, WEIGHTS}) {
      Files.copy(FIXTURE.resolve(name), folder.resolve(name));
    }
    Files.writeString(folder.resolve(TOKENIZER), byteTokenizer(TOKENS));
    return new TinyCheckpoint(folder);
  }

  Path weights() {
    return folder.resolve(WEIGHTS);
  }

  /** Replaces the first match in config.json. */
  void config(String regex, String replacement) throws IOException {
    Path file = folder.resolve(CONFIG);
    Files.writeString(file, replaced(Files.readString(file), regex, replacement));
  }

  /** Replaces the first match in the safetensors header and corrects the header's length. */
  void header(String regex, String replacement) throws IOException {
    byte[] file = Files.readAllBytes(weights());
    int headerBytes = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
    String header = new String(file, 8, headerBytes, StandardCharsets.UTF_8);
    byte[] changed = replaced(header, regex, replacement).getBytes(StandardCharsets.UTF_8);
    Files.write(
        weights(),
        ByteBuffer.allocate(8 + changed.length + file.length - 8 - headerBytes)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(changed.length)
            .put(changed)
            .put(file, 8 + headerBytes, file.length - 8 - headerBytes)
            .array());
  }

  private static String replaced(String text, String regex, String replacement) {
    String changed = text.replaceFirst(regex, replacement);
    assertNotEquals(text, changed, regex);
    return changed;
  }

  /** Overwrites the header's length. */
  void headerBytes(long bytes) throws IOException {
    byte[] file = Files.readAllBytes(weights());
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putLong(bytes);
    Files.write(weights(), file);
  }

  /** Keeps the first bytes of the weights; from the end if negative. */
  void cutWeights(int bytes) throws IOException {
    byte[] file = Files.readAllBytes(weights());
    Files.write(weights(), Arrays.copyOf(file, bytes < 0 ? file.length + bytes : bytes));
  }

  /** Overwrites the last float32 of the file, which belongs to model.norm.weight. */
  void lastWeight(float value) throws IOException {
    byte[] file = Files.readAllBytes(weights());
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putFloat(file.length - 4, value);
    Files.write(weights(), file);
  }

  /** A byte-level tokenizer without merges: id 0 is special, 1 to 256 are the bytes, and what is more is made up. */
  static String byteTokenizer(int tokens) {
    StringJoiner vocabulary = new StringJoiner(",");
    vocabulary.add("\"<|end|>\":0");
    int stranger = 256; // bytes that cannot be printed stand at 256 and above
    for (int b = 0; b < 256; b++) {
      boolean printable = b > 32 && b < 127 || b > 160 && b != 173;
      vocabulary.add("\"\\u%04x\":%d".formatted(printable ? b : stranger++, b + 1));
    }
    for (int id = TOKENS; id < tokens; id++) {
      vocabulary.add("\"made-up-" + id + "\":" + id);
    }
    return """
        {"version":"1.0","truncation":null,"padding":null,"normalizer":null,"post_processor":null,
        "added_tokens":[{"id":0,"content":"<|end|>","single_word":false,"lstrip":false,"rstrip":false,
          "normalized":false,"special":true}],
        "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},
        "decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},
        "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,
          "end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,
          "vocab":{%s},"merges":[]}}
        """
        .formatted(vocabulary);
  }
}
