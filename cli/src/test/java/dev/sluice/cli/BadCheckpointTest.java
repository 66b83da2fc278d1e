package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Checkpoints that lie: {@code import} refuses them in one line and leaves the folder that it writes to as it was. */
final class BadCheckpointTest {
  private static final String NORM =
      "\"model.norm.weight\":\\{\"dtype\":\"F32\",\"shape\":\\[64\\]";
  private static final String UP =
      "(\"model.layers.1.mlp.up_proj.weight\":\\{\"dtype\":)\"F32\",\"shape\":\\[256,64\\]";

  @TempDir
  static Path work;

  private static Path existing;

  @TempDir
  Path source;

  /** What is done to a sound checkpoint. */
  private interface Damage {
    void to(TinyCheckpoint checkpoint) throws IOException;
  }

  @BeforeAll
  static void makeTheStoreThatMustStay(@TempDir Path sound) throws IOException {
    existing = work.resolve("there.sluice");
    TinyCheckpoint.write(sound.resolve("sound"));
    CommandRun.inProcess("import", sound.resolve("sound").toString(), "-o", existing.toString())
        .assertDone();
  }

  private static Arguments weights(String name, String cause, Damage damage) {
    return Arguments.of(name, TinyCheckpoint.WEIGHTS, cause, damage);
  }

  /** What is at fault may lie in any of the folder's files. */
  private static Arguments checkpoint(String name, String cause, Damage damage) {
    return Arguments.of(name, "", cause, damage);
  }

  private static Arguments config(String name, String cause, Damage damage) {
    return Arguments.of(name, TinyCheckpoint.CONFIG, cause, damage);
  }

  private static Arguments tokenizer(String name, String cause, String json) {
    return Arguments.of(name, TinyCheckpoint.TOKENIZER, cause,
        (Damage) c -> Files.writeString(c.folder().resolve(TinyCheckpoint.TOKENIZER), json));
  }

  private static Damage withoutKey(String key) {
    return c -> c.config("\"" + key + "\"", "\"not_" + key + "\"");
  }

  static Stream<Arguments> damages() {
    return Stream.of(
        weights("empty", "too short", c -> c.cutWeights(0)),
        weights("cut in the header's length", "too short", c -> c.cutWeights(7)),
        weights("cut in the header", "its header claims 2680 bytes, but only 992 follow",
            c -> c.cutWeights(1000)),
        weights("cut after the header", "model.embed_tokens.weight: its data ends at byte",
            c -> c.cutWeights(2688)),
        weights("cut in a tensor",
            "layers.1.mlp.up_proj.weight: its data ends at byte 445824 of a file of 400001",
            c -> c.cutWeights(400_001)),
        weights("one byte short",
            "model.norm.weight: its data ends at byte 676224 of a file of 676223",
            c -> c.cutWeights(-1)),
        weights("header beyond the file", "its header claims 676217 bytes, but only 676216 follow",
            c -> c.headerBytes(676_217)),
        weights("header of 2^63 - 1 bytes", "9223372036854775807 bytes, over the limit",
            c -> c.headerBytes(Long.MAX_VALUE)),
        weights("header of -1 bytes", "over the limit", c -> c.headerBytes(-1)),
        weights("header cut by its length", "the header is malformed", c -> c.headerBytes(2000)),
        weights("header that is no JSON", "is malformed",
            c -> c.header("\"dtype\":", "\"dtype\"=")),
        weights("overlapping offsets", "layers.0.input_layernorm.weight: its data overlaps",
            c -> c.header("\\[131072,131328\\]", "[131068,131324]")),
        weights("offsets beyond the file", "model.norm.weight: its data ends at byte 676480",
            c -> c.header("\\[673280,673536\\]", "[673536,673792]")),
        weights("offsets backwards", "not a begin and an end",
            c -> c.header("\\[673280,673536\\]", "[673536,673280]")),
        weights("a hole", "its data_offsets span 131068",
            c -> c.header("\\[0,131072\\]", "[4,131072]")),
        weights("dtype against offsets", "F16 takes 32768 bytes, but its data_offsets span 65536",
            c -> c.header(UP, "$1\"F16\",\"shape\":[256,64]")),
        weights("dtype that is no float", "its dtype I32 is not supported",
            c -> c.header(UP, "$1\"I32\",\"shape\":[256,64]")),
        weights("dtype that does not exist", "its dtype F33 is not supported",
            c -> c.header(UP, "$1\"F33\",\"shape\":[256,64]")),
        weights("float16 of twice the shape",
            "its shape is [256, 128], but config.json makes it [256, 64]",
            c -> c.header(UP, "$1\"F16\",\"shape\":[256,128]")),
        weights("a shape turned round",
            "its shape is [64, 256], but config.json makes it [256, 64]",
            c -> c.header(UP, "$1\"F32\",\"shape\":[64,256]")),
        weights("a shape of one dimension", "its shape is [16384]",
            c -> c.header(UP, "$1\"F32\",\"shape\":[16384]")),
        weights("a shape that overflows", "too large for any file",
            c -> c.header(UP, "$1\"F32\",\"shape\":[4294967296,4294967296]")),
        checkpoint("a missing tensor", "model.norm.weight: the model needs this tensor",
            c -> c.header("model.norm.weight", "model.mron.weight")),
        checkpoint("a missing FFN tensor",
            "layers.2.mlp.down_proj.weight: the model needs this tensor",
            c -> c.header("model.layers.2.mlp.down_proj", "model.layers.2.mlp.nwod_proj")),
        weights("a norm of another shape", "model.norm.weight: its shape is [32, 2]",
            c -> c.header(NORM, NORM.replace("\\", "").replace("64", "32,2"))),
        weights("a weight that is not a number",
            "model.norm.weight: element 63 of its 64 is infinite or not a number",
            c -> c.lastWeight(Float.NaN)),
        checkpoint("one layer too few",
            "layers.3.self_attn.q_proj.weight: the model needs this tensor",
            c -> c.config("\"num_hidden_layers\": 3",
                "\"num_hidden_layers\": 4")),
        weights("another hidden size", "config.json makes it [512, 128]",
            c -> c.config("\"hidden_size\": 64",
                "\"hidden_size\": 128")),
        weights("another vocabulary", "config.json makes it [513, 64]",
            c -> c.config("\"vocab_size\": 512",
                "\"vocab_size\": 513")),
        checkpoint("no weights", "neither model.safetensors nor", c -> Files.delete(c.weights())),
        config("no config", "there is no such file",
            c -> Files.delete(c.folder().resolve(TinyCheckpoint.CONFIG))),
        config("no architectures", "key architectures: it is missing", withoutKey("architectures")),
        config("no hidden_size", "key hidden_size: it is missing", withoutKey("hidden_size")),
        config("no intermediate_size", "key intermediate_size: it is missing",
            withoutKey("intermediate_size")),
        config("no layers", "key num_hidden_layers: it is missing",
            withoutKey("num_hidden_layers")),
        config("no heads", "key num_attention_heads: it is missing",
            withoutKey("num_attention_heads")),
        config("no vocab_size", "key vocab_size: it is missing", withoutKey("vocab_size")),
        config("no positions", "key max_position_embeddings: it is missing",
            withoutKey("max_position_embeddings")),
        config("no activation", "key hidden_act: it is missing", withoutKey("hidden_act")),
        config("a number in quotes", "hidden_size",
            c -> c.config("\"hidden_size\": 64", "\"hidden_size\": \"64\"")),
        config("no layers at all", "num_hidden_layers",
            c -> c.config("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 0")),
        config("2^31 layers", "num_hidden_layers",
            c -> c.config("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 2147483648")),
        config("an unknown architecture", "FooForCausalLM",
            c -> c.config("ArceeForCausalLM", "FooForCausalLM")),
        config("an unknown activation", "tanh", c -> c.config("relu2", "tanh")),
        config("cut config", "malformed",
            c -> Files.writeString(c.folder().resolve(TinyCheckpoint.CONFIG), "{\"a\": 1,")),
        config("config that is not UTF-8", "not UTF-8",
            c -> Files.write(c.folder().resolve(TinyCheckpoint.CONFIG), new byte[] {'{', '"', -1})),
        tokenizer("a tokenizer of 513 tokens", "made-up-512 has id 512, but vocab_size is 512",
            TinyCheckpoint.byteTokenizer(513)),
        tokenizer("a tokenizer of another kind", "Unigram",
            TinyCheckpoint.byteTokenizer(257).replace("\"BPE\"", "\"Unigram\"")),
        tokenizer("a tokenizer without a byte", "no token for byte 0x41",
            TinyCheckpoint.byteTokenizer(257).replace("\"\\u0041\":66,", "")),
        tokenizer("two tokens with one id", "id 65 stands for both",
            TinyCheckpoint.byteTokenizer(257).replace("\"\\u0041\":66,", "\"\\u0041\":65,")),
        tokenizer("an unknown pre-tokenizer", "Metaspace",
            TinyCheckpoint.byteTokenizer(257).replace("_tokenizer\":{\"type\":\"ByteLevel",
                "_tokenizer\":{\"type\":\"Metaspace")),
        tokenizer("a cut tokenizer", "the JSON is malformed",
            TinyCheckpoint.byteTokenizer(257).substring(0, 1000)),
        tokenizer("an empty tokenizer", "not a JSON object", ""));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("damages")
  void refusedAndNothingWritten(String name, String file, String cause, Damage damage)
      throws IOException {
    TinyCheckpoint checkpoint = TinyCheckpoint.write(source.resolve("checkpoint"));
    damage.to(checkpoint);
    FolderContent before = FolderContent.of(work);
    FolderContent given = FolderContent.of(source);
    String folder = checkpoint.folder().toString();
    Path target = work.resolve("new.sluice");
    for (String[] line : new String[][] {
      {"import", folder, "-o", target.toString()},
      {"import", folder, "-o", existing.toString(), "--container", "lmdb", "--force"}
    }) {
      CommandRun run = CommandRun.inProcess(line);
      run.assertRefused(CommandRun.BAD_INPUT, checkpoint.folder().resolve(file), cause);
      before.assertUnchanged();
    }
    given.assertUnchanged();
  }

  @Test
  void targetsInTheWayStay() throws IOException {
    String sound = TinyCheckpoint.write(source.resolve("checkpoint")).folder().toString();
    Path notes = Files.createDirectory(source.resolve("notes"));
    Files.writeString(notes.resolve("thesis.txt"), "all that there is of it");
    Path file = Files.writeString(source.resolve("file"), "a file");
    FolderContent before = FolderContent.of(work);
    FolderContent given = FolderContent.of(source);
    CommandRun.inProcess("import", sound, "-o", existing.toString())
        .assertRefused(CommandRun.BAD_INPUT, existing, "");
    for (Path target : new Path[] {notes, file, source.resolve("no/such/folder/a.sluice")}) {
      CommandRun.inProcess("import", sound, "-o", target.toString(), "--force")
          .assertRefused(CommandRun.BAD_INPUT, "", target.toString());
    }
    before.assertUnchanged();
    given.assertUnchanged();
  }

  @Test
  void soundOnesPass() throws IOException {
    Path target = work.resolve("sound.sluice");
    String sound = TinyCheckpoint.write(source.resolve("checkpoint")).folder().toString();
    CommandRun run = CommandRun.inProcess("import", sound, "-o", target.toString());
    run.assertDone();
    assertTrue(run.err().isEmpty() && run.out().lines().count() == 1, run::toString);
    CommandRun.inProcess("verify", target.toString()).assertDone();
  }
}
