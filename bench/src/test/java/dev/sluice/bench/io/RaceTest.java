package dev.sluice.bench.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.Backend;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The C control and a reader's process read the same lists, which are checked against the file itself. */
class RaceTest {
  private static final int FILE_BYTES = 8 << 20;
  private static final int MEMORY_BYTES = 4 << 20;

  @TempDir
  Path folder;

  @Test
  void controlAndReaderReadWhatTheFileHolds() throws Exception {
    Path file = RandomFile.at(folder.resolve("random"), FILE_BYTES);
    byte[] content = Files.readAllBytes(file);
    ReadList list = twoBatches();
    String check = check(content, list);
    List<ProcessRacer> racers =
        List.of(control(file, "coop"), control(file, "single", "defer", "ringfd", "wait=4"),
            control(file, "fixed", "plain", "chunk=1"), reader(file, Backend.PREAD),
            reader(file, Backend.AUTO));
    try {
      for (ProcessRacer racer : racers) {
        for (int lap = 0; lap < 2; lap++) {
          Racer.Lap result = racer.run(list);
          assertEquals(check, result.check(), racer.name());
          assertEquals(list.requests(), result.requests());
          assertEquals(list.bytes(), result.bytes());
          assertTrue(result.nanos() > 0 && result.cpuNanos() > 0, result::toString);
        }
      }
    } finally {
      racers.forEach(Racer::close);
    }
  }

  @Test
  void aRacerThatCannotReadSaysWhy() throws Exception {
    Path file = RandomFile.at(folder.resolve("random"), FILE_BYTES);
    try (Racer racer = reader(file, Backend.PREAD)) {
      ReadList outside = new ReadList(List.of(
          new ReadList.Batch(new long[] {FILE_BYTES}, new int[] {4096}, new long[] {0})));
      var e = assertThrows(FaultException.class, () -> racer.run(outside));
      assertTrue(e.getMessage().contains("lies outside"), e.getMessage());
    }
    assertThrows(FaultException.class, () -> control(folder.resolve("missing")));
  }

  @Test
  void listsSurviveTheirFile() throws Exception {
    ReadList list = twoBatches();
    list.write(folder.resolve("list"));
    ReadList read = ReadList.read(folder.resolve("list"));
    assertEquals(list.requests(), read.requests());
    assertEquals(list.memoryBytes(), read.memoryBytes());
    for (int b = 0; b < 2; b++) {
      ReadList.Batch one = list.batches().get(b);
      ReadList.Batch other = read.batches().get(b);
      assertEquals(List.of(box(one.offsetBytes()), box(one.placeBytes())),
          List.of(box(other.offsetBytes()), box(other.placeBytes())));
      assertEquals(one.bytes(), other.bytes());
    }
  }

  private static List<Long> box(long[] values) {
    return Arrays.stream(values).boxed().toList();
  }

  /** Random lengths in an order of no help, twice over the same memory. */
  private static ReadList twoBatches() {
    SplittableRandom random = new SplittableRandom(5);
    int size = 200;
    ReadList.Batch[] batches = new ReadList.Batch[2];
    for (int b = 0; b < 2; b++) {
      batches[b] = new ReadList.Batch(new long[size], new int[size], new long[size]);
      long place = 0;
      for (int i = 0; i < size; i++) {
        int length = 4096 * (1 + random.nextInt(4));
        batches[b].offsetBytes()[i] = random.nextLong((FILE_BYTES - length) / 4096) * 4096;
        batches[b].lengthBytes()[i] = length;
        batches[b].placeBytes()[i] = place;
        place += length;
      }
      assertTrue(place <= MEMORY_BYTES);
    }
    return new ReadList(List.of(batches));
  }

  private static String check(byte[] content, ReadList list) {
    long sum = 0;
    for (ReadList.Batch batch : list.batches()) {
      for (long offset : batch.offsetBytes()) {
        for (int k = 7; k >= 0; k--) {
          sum += (content[(int) offset + k] & 0xffL) << 8 * k;
        }
      }
    }
    return Long.toUnsignedString(sum);
  }

  private ProcessRacer control(Path file, String... options) throws Exception {
    Path programs = Files.createTempDirectory(folder, "c");
    Path program;
    try {
      program = RingControl.compile(programs);
    } catch (BadInputException e) {
      assumeTrue(false, e.getMessage());
      throw e;
    }
    List<String> command = new ArrayList<>(
        List.of(program.toString(), file.toString(), "32", Integer.toString(MEMORY_BYTES)));
    command.addAll(List.of(options));
    return ProcessRacer.start("C " + String.join(" ", options), command, folder);
  }

  private ProcessRacer reader(Path file, Backend backend) {
    return ProcessRacer.start(backend.toString(),
        List.of(ProcessHandle.current().info().command().orElse("java"),
            "--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1", "-Xmx64m", "-cp",
            System.getProperty("java.class.path"), ReadingProcess.class.getName(),
            file.toString(), backend.name(), Integer.toString(MEMORY_BYTES)),
        folder);
  }
}
