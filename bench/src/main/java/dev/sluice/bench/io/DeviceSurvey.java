package dev.sluice.bench.io;

import dev.sluice.bench.compare.Progress;
import dev.sluice.bench.io.SurveyResult.Cell;
import dev.sluice.bench.io.SurveyResult.Fit;
import dev.sluice.bench.io.SurveyResult.Guest;
import dev.sluice.bench.io.SurveyResult.Pattern;
import dev.sluice.bench.io.SurveyResult.Setting;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.plan.DeviceModel;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.posix.Libc;
import dev.sluice.storage.posix.OpenFlag;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Random and sequential reads by size, depth and backend from a file that is written for it, bounded in time and bytes. All
 * combinations take turns, in several rounds, so that a device that slows down does so for all. The model is fitted to random
 * reads with the most in flight. With few bytes allowed, batches become shorter than the depth, and figures worse.
 */
public final class DeviceSurvey {
  private static final int[] SIZES = {4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20};
  private static final int[] DEPTHS = {1, 8, 32, 128};
  private static final int DEEPEST = 128;
  private static final int PREAD_THREADS = 16;
  private static final int ROUNDS = 3;
  private static final long SEED = 1;
  private static final int MEMORY_BYTES = 128 << 20;
  private static final int ONE_BY_ONE_REQUESTS = 4;
  private static final int DEPTHS_OF_BATCH = 16;
  private static final int FILE_CHUNK_BYTES = 8 << 20;
  private static final int PAGE_BYTES = 4096;

  /** Of the time, what is left for writing the file and opening readers. */
  private static final double READING_SHARE = 0.75;

  private final Plan plan;
  private final Progress progress;
  private final List<String> notes = new ArrayList<>();
  private long readBytes;

  /**
   * @param folder on the device; the file lies there while it is probed
   * @param seconds that all of it may take
   * @param bytes that may be read in all
   */
  public record Plan(
      Path folder, long fileBytes, double seconds, long bytes, RacePlan.Guest guest) {}

  /** A combination, its open reader, and what its rounds gave. */
  private static final class Lane {
    final Path file;
    final Backend backend;
    final Pattern pattern;
    final int requestBytes;
    final int inFlight;
    BlockReader reader;
    final List<Double> micros = new ArrayList<>();
    long requests;
    long at;

    Lane(Path file, MemorySegment memory, Backend backend, Pattern pattern, int requestBytes,
        int inFlight) {
      this.file = file;
      this.backend = backend;
      this.pattern = pattern;
      this.requestBytes = requestBytes;
      this.inFlight = inFlight;
      reader = BlockReaders.open(file, backend, inFlight);
      reader.prepare(memory);
    }

    /** Without pages that an earlier turn left in the page cache; while they are mapped they cannot be dropped. */
    void begin() {
      if (backend == Backend.MMAP) {
        reader.close();
        drop(file);
        reader = BlockReaders.open(file, backend, inFlight);
      }
    }

    double medianMicros() {
      return Race.median(micros.stream().mapToDouble(Double::doubleValue).toArray());
    }
  }

  private DeviceSurvey(Plan plan, Progress progress) {
    this.plan = plan;
    this.progress = progress;
  }

  /** @throws FaultException if the file cannot be written or read */
  public static SurveyResult run(
      Plan plan, String madeBy, String processor, Progress progress) {
    Path file = plan.folder().resolve("sluice-probe-" + ProcessHandle.current().pid() + ".bin");
    Thread hook = new Thread(() -> file.toFile().delete());
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      progress.report("writing", 0, 1);
      RandomFile.at(file, plan.fileBytes() / FILE_CHUNK_BYTES * FILE_CHUNK_BYTES);
      drop(file);
      return new DeviceSurvey(plan, progress).run(file, madeBy, processor);
    } catch (IOException e) {
      throw new FaultException(plan.folder(), "cannot be probed (" + FaultException.reason(e) + ")",
          "name a folder that can be written and has " + (plan.fileBytes() >> 20) + " MiB free", e);
    } finally {
      file.toFile().delete();
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        progress.report("interrupted", 1, 1); // the shutdown has begun and deletes the file too
      }
    }
  }

  private SurveyResult run(Path file, String madeBy, String processor) throws IOException {
    long began = System.nanoTime();
    List<Lane> lanes = new ArrayList<>();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = AnonymousMemory.map(MEMORY_BYTES, arena);
      AnonymousMemory.populate(memory);
      ReadBatch batch = new ReadBatch(memory);
      try {
        open(file, memory, lanes);
        measure(lanes, batch);
        Fit fit = fit(lanes);
        List<Guest> guests = guests(file, lanes, batch);
        FileStore store = Files.getFileStore(file);
        Setting setting = new Setting(madeBy, System.getProperty("os.version"), processor,
            store.name() + " (" + store.type() + ")",
            Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(), Files.size(file), readBytes,
            (System.nanoTime() - began) / 1e9, ROUNDS, SEED, List.copyOf(notes));
        return new SurveyResult(setting, lanes.stream().map(DeviceSurvey::cell).toList(), fit,
            guests);
      } finally {
        lanes.forEach(lane -> lane.reader.close());
      }
    }
  }

  private void open(Path file, MemorySegment memory, List<Lane> lanes) {
    Backend best = Backend.IO_URING;
    try (BlockReader reader = BlockReaders.open(file, Backend.AUTO)) {
      if (!reader.backend().equals("io_uring")) {
        best = Backend.PREAD;
        notes.add(reader.describe());
      }
    }
    for (Pattern pattern : Pattern.values()) {
      for (int size : SIZES) {
        for (int depth : DEPTHS) {
          add(lanes, file, memory, best, pattern, size, depth);
        }
        if (best != Backend.PREAD) {
          add(lanes, file, memory, Backend.PREAD, pattern, size, PREAD_THREADS);
        }
        add(lanes, file, memory, Backend.MMAP, pattern, size, 1);
      }
    }
  }

  private static void add(List<Lane> lanes, Path file, MemorySegment memory, Backend backend,
      Pattern pattern, int size, int depth) {
    lanes.add(new Lane(file, memory, backend, pattern, size, depth));
  }

  private void measure(List<Lane> lanes, ReadBatch batch) {
    long turns = (ROUNDS + 1L) * lanes.size();
    long nanos = (long) (plan.seconds() * READING_SHARE * 1e9 / turns);
    long bytes = Math.max(1, plan.bytes() / turns);
    SplittableRandom random = new SplittableRandom(SEED);
    for (int round = 0; round <= ROUNDS; round++) {
      for (int i = 0; i < lanes.size(); i++) {
        progress.report("reading", (long) round * lanes.size() + i, turns);
        Lane lane = lanes.get(i);
        lane.begin();
        double micros = micros(lane, batch, random, nanos, bytes);
        if (round > 0) { // the first only warms up
          lane.micros.add(micros);
        }
      }
    }
  }

  /** Reads batches until the time or the bytes are used up; at least one. */
  private double micros(
      Lane lane, ReadBatch batch, SplittableRandom random, long nanos, long bytes) {
    int size = lane.requestBytes;
    long places = plan.fileBytes() / FILE_CHUNK_BYTES * FILE_CHUNK_BYTES / size;
    // So many that the batch's end, with ever fewer in flight, hardly counts; one at a time has no such end.
    int wanted = lane.inFlight == 1 ? ONE_BY_ONE_REQUESTS : DEPTHS_OF_BATCH * lane.inFlight;
    int each = Math.clamp(Math.min(MEMORY_BYTES, bytes) / size, 1, wanted);
    long requests = 0;
    long start = System.nanoTime();
    long spent;
    do {
      batch.clear();
      for (int i = 0; i < each; i++) {
        long place = lane.pattern == Pattern.RANDOM ? random.nextLong(places)
            : lane.at++ % places;
        batch.add(place * size, size, (long) i * size);
      }
      lane.reader.start(batch);
      while (lane.reader.next() >= 0) {
        requests++;
      }
      spent = System.nanoTime() - start;
    } while (spent < nanos && requests * size < bytes);
    lane.requests += requests;
    readBytes += requests * size;
    return spent / 1e3 / requests;
  }

  private static Fit fit(List<Lane> lanes) {
    List<Lane> deepest = lanes.stream()
        .filter(lane -> lane.pattern == Pattern.RANDOM && lane.inFlight == DEEPEST).toList();
    DeviceModel model = DeviceModel.fit(deepest.stream()
        .map(lane -> new DeviceModel.Sample(lane.requestBytes, lane.medianMicros())).toList());
    double worst = 0;
    for (Lane lane : deepest) {
      worst = Math.max(worst, Math.abs(model.micros(lane.requestBytes) / lane.medianMicros() - 1));
    }
    ReadPlanner.Limits limits = ReadPlanner.Limits.of(model, PAGE_BYTES);
    return new Fit(model.requestMicros(), model.bytesPerSecond(),
        deepest.getFirst().reader.describe(), worst, limits.gapBytes(), limits.maxRequestBytes());
  }

  private static Cell cell(Lane lane) {
    double micros = lane.medianMicros();
    return new Cell(lane.backend.name().toLowerCase(Locale.ROOT), lane.reader.describe(),
        lane.pattern, lane.requestBytes, lane.inFlight, lane.requests, lane.requestBytes / micros,
        micros);
  }

  /** Random reads with the most in flight once more, in turns with fio. */
  private List<Guest> guests(Path file, List<Lane> lanes, ReadBatch batch) {
    if (plan.guest() == RacePlan.Guest.NONE) {
      return List.of();
    }
    Optional<Fio> fio = Fio.find();
    if (fio.isEmpty()) {
      notes.add("fio is not installed, so nothing was compared with it");
      return List.of();
    }
    List<Guest> guests = new ArrayList<>();
    SplittableRandom random = new SplittableRandom(SEED);
    for (Lane lane : lanes) {
      if (lane.pattern != Pattern.RANDOM || lane.inFlight != DEEPEST) {
        continue;
      }
      progress.report("reading beside fio", guests.size(), SIZES.length);
      long bytes = Math.min(512L << 20, 16_384L * lane.requestBytes);
      double[] ratios = new double[ROUNDS];
      double[] speeds = new double[ROUNDS];
      for (int round = 0; round < ROUNDS; round++) {
        double own = lane.requestBytes / micros(lane, batch, random, Long.MAX_VALUE, bytes);
        speeds[round] = fio.get()
            .randomReads(file, lane.requestBytes, DEEPEST, bytes, SEED + round)
            .megabytesPerSecond();
        ratios[round] = own / speeds[round];
      }
      guests.add(new Guest(fio.get().describe(lane.requestBytes, DEEPEST), lane.requestBytes,
          DEEPEST, Race.median(speeds), Race.median(ratios)));
    }
    return guests;
  }

  private static void drop(Path file) {
    int fd = Libc.open(file.toString(), OpenFlag.O_RDONLY | OpenFlag.O_CLOEXEC);
    Libc.dropCachedPages(fd);
    Libc.close(fd);
  }
}
