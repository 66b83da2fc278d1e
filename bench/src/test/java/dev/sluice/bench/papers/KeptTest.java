package dev.sluice.bench.papers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.papers.Kept.Key;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeptTest {
  private static final Key KEY = new Key("relu2 dense run", List.of("store 1", "tokens 2"));

  @TempDir
  private Path folder;

  private int measured;

  private record Value(double figure, List<Double> more) {}

  private Value measure() {
    measured++;
    return new Value(0.1 + measured, List.of(1 / 3.0, Double.NaN));
  }

  @Test
  void isMeasuredOnceForAllRuns() {
    Value first = new Kept(folder).get(KEY, Value.class, this::measure);
    assertEquals(first, new Kept(folder).get(KEY, Value.class, this::measure));
    assertEquals(1, measured);
  }

  @Test
  void dependsOnEveryPartOfItsKey() {
    Kept kept = new Kept(folder);
    kept.get(KEY, Value.class, this::measure);
    for (Key other : List.of(new Key("relu dense run", KEY.parts()),
        new Key(KEY.name(), List.of("store 1", "tokens 3")),
        new Key(KEY.name(), List.of("store 1\ntokens 2")),
        new Key(KEY.name(), List.of("store 1")))) {
      int before = measured;
      kept.get(other, Value.class, this::measure);
      assertEquals(before + 1, measured, other::toString);
    }
  }

  @Test
  void whatWasInterruptedIsNotThere() throws IOException {
    Kept kept = new Kept(folder);
    assertThrows(IllegalStateException.class, () -> kept.get(KEY, Value.class, () -> {
      throw new IllegalStateException("stopped");
    }));
    kept.get(KEY, Value.class, this::measure);
    assertEquals(1, measured);
    Path file = onlyFile();
    String whole = Files.readString(file);
    for (int length : new int[] {0, 1, whole.length() / 2, whole.length() - 1}) {
      Files.writeString(file, whole.substring(0, length));
      int before = measured;
      kept.get(KEY, Value.class, this::measure);
      assertEquals(before + 1, measured, "cut to " + length);
    }
  }

  @Test
  void aFileOfAnotherKeyOrVersionDoesNotCount() throws IOException {
    Kept kept = new Kept(folder);
    kept.get(KEY, Value.class, this::measure);
    Path file = onlyFile();
    String whole = Files.readString(file);
    for (String changed : List.of(whole.replace("tokens 2", "tokens 9"),
        whole.replaceFirst("\"format\":\\d+", "\"format\":0"))) {
      assertTrue(!changed.equals(whole));
      Files.writeString(file, changed);
      int before = measured;
      kept.get(KEY, Value.class, this::measure);
      assertEquals(before + 1, measured);
    }
  }

  private Path onlyFile() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> all = files.toList();
      assertEquals(1, all.size(), all::toString);
      return all.getFirst();
    }
  }
}
