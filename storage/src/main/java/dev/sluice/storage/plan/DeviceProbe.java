package dev.sluice.storage.plan;

import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.posix.AnonymousMemory;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Measures a {@link DeviceModel} by random reads of four sizes from a file that is written; takes about a second, or five
 * batches of each size where they take longer. A line through the smallest and the largest alone passes up to a tenth below
 * what is between, where a token's reads are.
 */
public final class DeviceProbe {
  private static final int PAGE_BYTES = 4 << 10;
  private static final List<Integer> SIZES_BYTES = List.of(4 << 10, 16 << 10, 64 << 10, 256 << 10);
  private static final int BATCH_BYTES = 8 << 20;
  private static final int MOST_REQUESTS = 512;
  private static final long TOTAL_NANOS = 1_000_000_000;
  private static final int ROUNDS = 4;
  private static final long SEED = 1;

  private DeviceProbe() {}

  /** @param fileBytes of the file that {@code reader} is open on */
  public static DeviceModel measure(BlockReader reader, long fileBytes) {
    long largest = Math.max(2L * PAGE_BYTES, Long.highestOneBit(fileBytes) / 4);
    List<Integer> sizes = SIZES_BYTES.stream().map(size -> (int) Math.min(size, largest)).distinct()
        .toList();
    SplittableRandom random = new SplittableRandom(SEED);
    try (Arena arena = Arena.ofShared()) {
      ReadBatch batch = new ReadBatch(AnonymousMemory.map(BATCH_BYTES, arena));
      double[] micros = new double[sizes.size()];
      // In turns, so that a device that slows down does so for all; the first of each only warms up.
      for (int round = 0; round <= ROUNDS; round++) {
        for (int i = 0; i < micros.length; i++) {
          double measured = microsPerRequest(reader, batch, fileBytes, sizes.get(i),
              TOTAL_NANOS / micros.length / (ROUNDS + 1), random);
          micros[i] += round == 0 ? 0 : measured / ROUNDS;
        }
      }
      return DeviceModel.fit(
          IntStream.range(0, micros.length)
              .mapToObj(i -> new DeviceModel.Sample(sizes.get(i), micros[i]))
              .toList());
    }
  }

  private static double microsPerRequest(
      BlockReader reader, ReadBatch batch, long fileBytes, int bytes, long nanos,
      SplittableRandom random) {
    long places = Math.max(1, (fileBytes - bytes) / PAGE_BYTES);
    int each = Math.min(MOST_REQUESTS, BATCH_BYTES / bytes);
    long requests = 0;
    long start = System.nanoTime();
    long spent;
    do {
      batch.clear();
      for (int i = 0; i < each; i++) {
        batch.add(random.nextLong(places) * PAGE_BYTES, bytes, (long) i * bytes);
      }
      reader.start(batch);
      while (reader.next() >= 0) {
        requests++;
      }
      spent = System.nanoTime() - start;
    } while (spent < nanos);
    return spent / 1e3 / requests;
  }
}
