package dev.sluice.bench.synth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.Existing;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class PartialFileTest {
  @TempDir
  private Path folder;

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void appearsWhenPublished() throws IOException {
    Path target = folder.resolve("a");
    try (PartialFile file = PartialFile.create(target, Existing.REFUSE, 4)) {
      file.write(bytes("cd"), 2);
      file.write(bytes("ab"), 0);
      assertFalse(Files.exists(target));
      file.publish();
    }
    assertEquals("abcd", Files.readString(target));
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(1, left.count());
    }
  }

  @Test
  void aFileThatCameMeanwhileIsNotReplaced() throws IOException {
    Path target = folder.resolve("a");
    try (PartialFile file = PartialFile.create(target, Existing.REFUSE, 4)) {
      Files.writeString(target, "mine");
      assertThrows(BadInputException.class, file::publish);
    }
    assertEquals("mine", Files.readString(target));
  }

  @Test
  void replacesWhenToldTo() throws IOException {
    Path target = Files.writeString(folder.resolve("a"), "old");
    try (PartialFile file = PartialFile.create(target, Existing.REPLACE, 4)) {
      file.write(bytes("new"), 0);
      assertEquals("old", Files.readString(target));
      file.publish();
    }
    assertEquals("new", Files.readString(target));
  }

  @Test
  void clearsWhatDeadWritersLeft() throws IOException {
    long noProcess = 4_194_305; // one more than Linux ever gives out
    Path dead = Files.createFile(folder.resolve(".a." + noProcess + ".tmp"));
    Path alive = Files.createFile(folder.resolve(".a.1.tmp"));
    Path other = Files.createFile(folder.resolve(".b." + noProcess + ".tmp"));
    PartialFile.create(folder.resolve("a"), Existing.REFUSE, 4).close();
    assertFalse(Files.exists(dead));
    assertTrue(Files.exists(alive) && Files.exists(other));
  }

  @Test
  void refusesWhatTheDiskHasNoRoomFor() {
    assertThrows(FaultException.class,
        () -> PartialFile.create(folder.resolve("a"), Existing.REFUSE, Long.MAX_VALUE));
  }
}
