package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.sluice.bundler.checkpoint.Checkpoint;
import dev.sluice.bundler.checkpoint.DenseWeight;
import dev.sluice.engine.text.Tokenizer;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreFormat;
import dev.sluice.storage.store.StoreSurvey;
import dev.sluice.storage.trace.TraceReader;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every file that is read from outside, damaged by a seed and its checksums made right again: it is read, or refused in one line
 * that names it. It takes no longer than it may, and no more memory: {@value #HEAP_PER_FILE_BYTE} bytes of heap for each byte of
 * the file beside {@value #HEAP_BYTES}, and of weights {@value #WEIGHTS_PER_FILE_BYTE}. GGUF has a test of its own beside its
 * reader.
 */
final class ParserFuzzTest {
  private static final long SEED = 62_026;
  private static final int SHORT_ROUNDS = 250;
  private static final int BATCH = 100;
  private static final Duration PATIENCE = Duration.ofSeconds(120);
  private static final long HEAP_PER_FILE_BYTE = 100;
  private static final long HEAP_BYTES = 8 << 20;
  private static final long WEIGHTS_PER_FILE_BYTE = 13;

  /** How long the long profile works on each kind of file. */
  private static final String MINUTES = "sluice.fuzz.minutes";

  private static final ThreadMXBean THREADS =
      (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** A kind of file. */
  enum Parser {
    SAFETENSORS,
    CONFIG,
    TOKENIZER,
    MANIFEST,
    TRACE
  }

  @TempDir
  Path given;

  private Path checkpoint;
  private Path store;
  private Path trace;

  private void prepare() throws IOException {
    checkpoint = TinyCheckpoint.write(given.resolve("checkpoint")).folder();
    store = given.resolve("a.sluice");
    trace = given.resolve("a.trace");
    CommandRun.inProcess("import", checkpoint.toString(), "-o", store.toString()).assertDone();
    Path text = Files.writeString(given.resolve("text.txt"), "The mill turns. ".repeat(20));
    CommandRun.inProcess("trace", "-m", store.toString(), "--text", text.toString(), "--tokens",
        "128", "-c", "64", "-o", trace.toString()).assertDone();
  }

  private Path file(Parser parser) {
    return switch (parser) {
      case SAFETENSORS -> checkpoint.resolve(TinyCheckpoint.WEIGHTS);
      case CONFIG -> checkpoint.resolve(TinyCheckpoint.CONFIG);
      case TOKENIZER -> checkpoint.resolve(TinyCheckpoint.TOKENIZER);
      case MANIFEST -> store.resolve(StoreFormat.MANIFEST);
      case TRACE -> trace;
    };
  }

  private byte[] damaged(Parser parser, byte[] sound, SeededMutator mutator) {
    return switch (parser) {
      case SAFETENSORS -> safetensors(sound, mutator);
      case CONFIG, TOKENIZER -> mutator.json(sound);
      case MANIFEST -> manifest(sound, mutator);
      case TRACE -> trace(sound, mutator);
    };
  }

  private static byte[] safetensors(byte[] sound, SeededMutator mutator) {
    int headerBytes = (int) ByteBuffer.wrap(sound).order(ByteOrder.LITTLE_ENDIAN).getLong();
    if (mutator.random().nextInt(4) == 0) {
      return mutator.bytes(sound, 0, 8 + headerBytes);
    }
    byte[] header = mutator.json(Arrays.copyOfRange(sound, 8, 8 + headerBytes));
    byte[] file = new byte[8 + header.length + sound.length - 8 - headerBytes];
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header)
        .put(sound, 8 + headerBytes, sound.length - 8 - headerBytes);
    return file;
  }

  private static byte[] manifest(byte[] sound, SeededMutator mutator) {
    if (mutator.random().nextInt(8) == 0) {
      return mutator.bytes(sound, 0, 44);
    }
    byte[] json = mutator.json(Arrays.copyOfRange(sound, 44, sound.length));
    CRC32C crc = new CRC32C();
    crc.update(json);
    byte[] header =
        String.format("SLUICE STORE 0003 %08d %08x        \n", json.length, crc.getValue())
            .getBytes(StandardCharsets.US_ASCII);
    byte[] file = Arrays.copyOf(header, header.length + json.length);
    System.arraycopy(json, 0, file, header.length, json.length);
    return file;
  }

  /** Damages one part and makes right all checksums that stand over it: header, index, or a chunk's payload. */
  private static byte[] trace(byte[] sound, SeededMutator mutator) {
    byte[] bytes = sound.clone();
    ByteBuffer all = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int footer = bytes.length - 44;
    int index = (int) all.getLong(footer + 8);
    int header = 16 + all.getInt(12);
    switch (mutator.random().nextInt(4)) {
      case 0 -> {
        return mutator.bytes(sound, 0, sound.length);
      }
      case 1 -> {
        overwrite(bytes, mutator, 16, header);
        all.putInt(header, crc(bytes, 0, header));
      }
      case 2 -> overwrite(bytes, mutator, index + 4, footer);
      default -> {
        int chunks = all.getInt(index + 4);
        int entry = index + 12 + 24 * mutator.random().nextInt(chunks);
        int record = (int) all.getLong(entry + 8);
        int stored = all.getInt(record + 28);
        overwrite(bytes, mutator, record + 40, record + 40 + stored);
        if (mutator.random().nextBoolean()) {
          overwrite(bytes, mutator, record + 16, record + 32);
        }
        int payload = crc(bytes, record + 40, stored);
        all.putInt(record + 32, payload).putInt(record + 36, crc(bytes, record, 36));
        all.putInt(entry + 20, payload);
      }
    }
    all.putInt(footer + 4, crc(bytes, index, footer - index));
    all.putInt(footer + 32, crc(bytes, footer, 32));
    return bytes;
  }

  private static void overwrite(byte[] bytes, SeededMutator mutator, int from, int to) {
    byte[] part = Arrays.copyOfRange(bytes, from, to);
    byte[] other = mutator.bytes(part, 0, part.length);
    System.arraycopy(other, 0, bytes, from, Math.min(part.length, other.length));
  }

  private static int crc(byte[] bytes, int from, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, from, length);
    return (int) crc.getValue();
  }

  /** Reads all of a file, as a verb would. */
  private void read(Parser parser, byte[] bytes) {
    switch (parser) {
      case SAFETENSORS, CONFIG -> readCheckpoint();
      case TOKENIZER -> {
        try (Checkpoint opened = Checkpoint.open(checkpoint)) {
          opened.tokenizerJson();
        }
        Tokenizer tokenizer =
            Tokenizer.parse(bytes, checkpoint.resolve(TinyCheckpoint.TOKENIZER).toString());
        tokenizer.encode("The mill turns, 12 times.\n\u00e4\ud83d\ude00");
      }
      case MANIFEST -> {
        StoreSurvey.of(store, ProgressListener.SILENT);
        try (Store opened = Store.open(store)) {
          opened.verify(ProgressListener.SILENT);
        }
      }
      case TRACE -> {
        try (TraceReader reader = TraceReader.open(trace)) {
          reader.verify();
        }
      }
    }
  }

  private void readCheckpoint() {
    long[] leftBytes = {
      WEIGHTS_PER_FILE_BYTE * checkpoint.resolve(TinyCheckpoint.WEIGHTS).toFile().length()
    };
    try (Checkpoint opened = Checkpoint.open(checkpoint); Arena arena = Arena.ofConfined()) {
      opened.tokenizerJson();
      SegmentAllocator metered =
          (bytes, alignment) -> {
            if (bytes > leftBytes[0]) {
              throw new AssertionError(bytes + " bytes of weights, " + leftBytes[0] + " left");
            }
            leftBytes[0] -= bytes;
            return arena.allocate(bytes, alignment);
          };
      for (DenseWeight weight : opened.dense()) {
        opened.readDense(weight, metered);
      }
      for (int layer = 0; layer < opened.spec().layers(); layer++) {
        opened.readFfn(layer, metered);
      }
    }
  }

  private int round(Parser parser, byte[] sound, SeededMutator mutator, String where)
      throws IOException {
    Path file = file(parser);
    byte[] damaged = damaged(parser, sound, mutator);
    Files.write(file, damaged);
    long before = THREADS.getCurrentThreadAllocatedBytes();
    int refused = 0;
    try {
      read(parser, damaged);
    } catch (BadInputException | FaultException e) {
      assertEquals(1, e.getMessage().lines().count(), where + ": " + e.getMessage());
      // A checkpoint's files are judged together: what one lacks may show in another.
      String place =
          parser == Parser.MANIFEST ? store.toString()
              : parser == Parser.TRACE ? trace.toString() : checkpoint.toString();
      assertTrue(e.getMessage().contains(place), where + ": " + e.getMessage());
      refused = 1;
    } catch (Throwable e) {
      throw new AssertionError(where, e);
    }
    long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
    long limit = HEAP_BYTES + HEAP_PER_FILE_BYTE * (damaged.length + 2048);
    assertTrue(allocated < limit, where + " allocated " + allocated + " of " + limit);
    return refused;
  }

  /** @param minutes 0 for a fixed number of rounds */
  private void fuzz(Parser parser, double minutes) throws IOException {
    prepare();
    byte[] sound = Files.readAllBytes(file(parser));
    read(parser, sound);
    SeededMutator mutator = new SeededMutator(SEED);
    long end = System.nanoTime() + (long) (minutes * 60e9);
    int refused = 0;
    int rounds = 0;
    do {
      int first = rounds;
      refused +=
          assertTimeoutPreemptively(
              PATIENCE,
              () -> {
                int count = 0;
                for (int round = first; round < first + BATCH; round++) {
                  count += round(parser, sound, mutator, parser + ", seed " + SEED + ", round "
                      + round);
                }
                return count;
              },
              () -> parser + ", seed " + SEED + ", rounds from " + first);
      rounds += BATCH;
    } while (minutes > 0 ? System.nanoTime() < end : rounds < SHORT_ROUNDS);
    assertTrue(refused > rounds / 5 && refused < rounds, refused + " of " + rounds + " refused");
  }

  @ParameterizedTest
  @EnumSource(Parser.class)
  void aDamagedFileIsReadOrRefusedInOneLine(Parser parser) throws IOException {
    fuzz(parser, 0);
  }

  @ParameterizedTest
  @EnumSource(Parser.class)
  @Tag("long")
  void forMinutes(Parser parser) throws IOException {
    fuzz(parser, Double.parseDouble(System.getProperty(MINUTES, "10")));
  }
}
