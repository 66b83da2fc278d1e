package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Every name below a folder, hidden ones too, and every byte: to show that something left no trace. */
record FolderContent(Path folder, Map<Path, ByteBuffer> files) {
  private static final ByteBuffer A_FOLDER = ByteBuffer.wrap(new byte[0]);

  static FolderContent of(Path folder) throws IOException {
    List<Path> all;
    try (Stream<Path> walk = Files.walk(folder)) {
      all = walk.toList();
    }
    Map<Path, ByteBuffer> files = new TreeMap<>();
    for (Path path : all) {
      files.put(
          folder.relativize(path),
          Files.isDirectory(path) ? A_FOLDER : ByteBuffer.wrap(Files.readAllBytes(path)));
    }
    return new FolderContent(folder, files);
  }

  void assertUnchanged() throws IOException {
    FolderContent now = of(folder);
    assertEquals(files.keySet(), now.files.keySet(), "names below " + folder);
    files.forEach(
        (name, bytes) -> assertTrue(bytes.equals(now.files.get(name)), () -> name + " changed"));
  }
}
