package dev.sluice.storage.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class ChannelBlockReaderTest extends DirectReaderContractTest {
  @Override
  BlockReader open(Path path) {
    return PreadBlockReader.openChannel(path, PreadBlockReader.DEFAULT_THREADS);
  }

  @Test
  void itNamesItself() {
    try (BlockReader reader = open(file)) {
      assertEquals("channel", reader.backend());
      assertTrue(reader.describe().startsWith("channel on 16 threads, "), reader.describe());
    }
  }
}
