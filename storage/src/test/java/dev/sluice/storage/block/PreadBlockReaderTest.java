package dev.sluice.storage.block;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class PreadBlockReaderTest extends DirectReaderContractTest {
  @Override
  BlockReader open(Path path) {
    return PreadBlockReader.open(path, PreadBlockReader.DEFAULT_THREADS, "");
  }

  @Test
  void closeEndsItsThreads() {
    PreadBlockReader reader = PreadBlockReader.open(file, 3, "");
    assertEquals(3, liveWorkers(reader));
    reader.close();
    assertEquals(0, liveWorkers(reader));
  }

  private static long liveWorkers(PreadBlockReader reader) {
    return reader.workers().filter(Thread::isAlive).count();
  }
}
