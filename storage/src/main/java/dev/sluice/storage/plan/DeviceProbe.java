package dev.sluice.storage.plan;

import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.posix.AnonymousMemory;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.SplittableRandom;

/** Measures a {@link DeviceModel} by random reads of two sizes from a file that is written; takes about a second. */
public final class DeviceProbe {
  private static final int SMALL_BYTES = 4 << 10;
  private static final int LARGE_BYTES = 256 << 10;
  private static final int BATCH_BYTES = 8 << 20;
  private static final int MOST_REQUESTS = 512;
  private static final long NANOS_PER_SIZE = 500_000_000;
  private static final int ROUNDS = 4;
  private static final long SEED = 1;

  private DeviceProbe() {}

  /** @param fileBytes of the file that {@code reader} is open on */
  public static DeviceModel measure(BlockReader reader, long fileBytes) {
    int large = (int) Math.min(LARGE_BYTES, Math.max(2L * SMALL_BYTES,
        Long.highestOneBit(fileBytes) / 4));
    SplittableRandom random = new SplittableRandom(SEED);
    try (Arena arena = Arena.ofShared()) {
      ReadBatch batch = new ReadBatch(AnonymousMemory.map(BATCH_BYTES, arena));
      double smallMicros = 0;
      double largeMicros = 0;
      // In turns, so that a device that slows down does so for both; the first of each only warms up.
      for (int round = 0; round <= ROUNDS; round++) {
        double small = microsPerRequest(reader, batch, fileBytes, SMALL_BYTES, random);
        double wide = microsPerRequest(reader, batch, fileBytes, large, random);
        smallMicros += round == 0 ? 0 : small / ROUNDS;
        largeMicros += round == 0 ? 0 : wide / ROUNDS;
      }
      return DeviceModel.fit(List.of(new DeviceModel.Sample(SMALL_BYTES, smallMicros),
          new DeviceModel.Sample(large, largeMicros)));
    }
  }

  private static double microsPerRequest(
      BlockReader reader, ReadBatch batch, long fileBytes, int bytes, SplittableRandom random) {
    long places = Math.max(1, (fileBytes - bytes) / SMALL_BYTES);
    int each = Math.min(MOST_REQUESTS, BATCH_BYTES / bytes);
    long requests = 0;
    long start = System.nanoTime();
    long spent;
    do {
      batch.clear();
      for (int i = 0; i < each; i++) {
        batch.add(random.nextLong(places) * SMALL_BYTES, bytes, (long) i * bytes);
      }
      reader.start(batch);
      while (reader.next() >= 0) {
        requests++;
      }
      spent = System.nanoTime() - start;
    } while (spent < NANOS_PER_SIZE / (ROUNDS + 1));
    return spent / 1e3 / requests;
  }
}
