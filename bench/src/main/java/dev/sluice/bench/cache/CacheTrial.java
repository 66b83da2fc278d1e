package dev.sluice.bench.cache;

import dev.sluice.bench.cache.CacheResult.Entry;
import dev.sluice.bench.cache.CacheResult.Point;
import dev.sluice.bench.cache.CacheResult.Setting;
import dev.sluice.bench.compare.Progress;
import dev.sluice.bench.io.ReadList;
import dev.sluice.bundler.pack.Repacker;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.cache.BundleCache;
import dev.sluice.storage.cache.CachePolicy;
import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.trace.TraceReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Cache policies by replay: the bundles that the tokens of a held-out trace want go through each of them, and what each misses
 * is read from the device as the engine would read it, the policies taking turns. Bélády's bound goes with them.
 */
public final class CacheTrial {
  private static final long MEMORY_BYTES = 64L << 20;

  private final CachePlan plan;
  private final Store store;
  private final ActiveSets sets;
  private final int[] hottest;
  private final Progress progress;
  private int done;

  private CacheTrial(CachePlan plan, Store store, ActiveSets sets, Progress progress) {
    this.plan = plan;
    this.store = store;
    this.sets = sets;
    this.progress = progress;
    hottest = hottest();
  }

  /**
   * @throws BadInputException if store and trace do not fit, or the trace is too short
   * @throws FaultException if the disk fails
   */
  public static CacheResult run(
      CachePlan plan, String madeBy, String processor, Progress progress) {
    try (Store store = Store.open(plan.store());
        TraceReader trace = TraceReader.open(plan.trace())) {
      if (plan.lastToken() > trace.header().tokens()) {
        throw new BadInputException(plan.trace(),
            "has " + trace.header().tokens() + " tokens, and " + plan.lastToken() + " are wanted",
            "trace more, or give fewer --tokens or --rounds");
      }
      ActiveSets sets = ActiveSets.read(store, trace, plan.lastToken());
      CacheTrial trial = new CacheTrial(plan, store, sets, progress);
      if (plan.strideBytes() == 0) {
        return trial.measured(store, madeBy, processor);
      }
      return trial.inCopy(madeBy, processor);
    }
  }

  private CacheResult inCopy(String madeBy, String processor) {
    Path scratch;
    try {
      scratch = Files.createTempDirectory(plan.folder(), "caches-");
    } catch (IOException e) {
      throw new FaultException(plan.folder(), FaultException.reason(e), "name another folder", e);
    }
    Thread hook = new Thread(() -> delete(scratch));
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      Path target = scratch.resolve("wide.sluice");
      Repacker.repack(store, target,
          new StoreWriter.Options(Container.FILE, Arrangement.BUNDLED, plan.strideBytes(),
              Existing.REFUSE),
          Repacker.Rearrangement.KEEP, ProgressListener.SILENT);
      try (Store wide = Store.open(target)) {
        return measured(wide, madeBy, processor);
      }
    } finally {
      delete(scratch);
    }
  }

  private CacheResult measured(Store read, String madeBy, String processor) {
    settle(read.ffn().file());
    List<Point> points = new ArrayList<>();
    try (Arena arena = Arena.ofShared();
        BlockReader reader = BlockReaders.open(read.ffn().file(), Backend.AUTO)) {
      var memory = AnonymousMemory.map(MEMORY_BYTES, arena);
      memory.fill((byte) 1);
      reader.prepare(memory);
      ReadBatch batch = new ReadBatch(memory);
      for (double slotShare : plan.slotShares()) {
        points.add(point(read, reader, batch, slotShare));
      }
      int stride = read.ffn().layers().getFirst().stream().mapToInt(p -> p.strideBytes()).sum();
      return new CacheResult(
          new Setting(madeBy, System.getProperty("os.version"), processor, reader.describe(),
              plan.store().toString(), plan.trace().toString(), sets.layers(), sets.bundles(),
              stride, sets.activeShare(), plan.warmTokens(), plan.tokens(), plan.rounds(),
              plan.limits().gapBytes()),
          points);
    }
  }

  /** One policy's part of a point: what it missed in each round, and what reading that took. */
  private record Course(
      String policy, double pinShare, double hitRate, double cacheMicros, List<ReadList> rounds,
      double[] millis) {}

  private Point point(Store read, BlockReader reader, ReadBatch batch, double slotShare) {
    int slots = (int) (slotShare * hottest.length);
    List<Course> courses = new ArrayList<>();
    for (double pinShare : plan.pinShares()) {
      if (pinShare == 1) {
        BundleCache pinned = open(plan.policies().getFirst(), slots);
        courses.add(course(CacheResult.ALL_PINNED, pinShare, pinned, slots, read, batch));
        continue;
      }
      int pins = (int) Math.round(pinShare * slots);
      for (String policy : plan.policies()) {
        courses.add(course(policy, pinShare, open(policy, slots), pins, read, batch));
      }
      courses.add(course(CacheResult.BOUND, pinShare, new Clairvoyant(sets, slots), pins, read,
          batch));
    }
    for (int round = 0; round < plan.rounds(); round++) {
      for (int k = 0; k < courses.size(); k++) {
        Course course = courses.get((k + round) % courses.size());
        long began = System.nanoTime();
        for (ReadList.Batch requests : course.rounds().get(round).batches()) {
          requests.read(reader, batch);
        }
        course.millis()[round] = (System.nanoTime() - began) / 1e6 / plan.tokens();
      }
      progress.report("reading", (long) done * plan.rounds() + round + 1,
          (long) plan.slotShares().size() * plan.rounds());
    }
    done++;
    double[] control = courses.getFirst().millis();
    return new Point(slotShare, courses.stream().map(course -> entry(course, control)).toList());
  }

  private BundleCache open(String policy, int slots) {
    return CachePolicy.named(policy)
        .open(new BundleCache.Shape(sets.layers(), sets.bundles()), slots);
  }

  private Course course(
      String policy, double pinShare, BundleCache cache, int pins, Store read, ReadBatch batch) {
    for (int i = 0; i < pins; i++) {
      cache.pin(hottest[i] / sets.bundles(), hottest[i] % sets.bundles());
    }
    Replay replay = new Replay(sets, read.ffn(), cache, plan.limits(), batch);
    replay.next(plan.warmTokens());
    cache.resetCounters();
    List<ReadList> rounds = new ArrayList<>();
    for (int round = 0; round < plan.rounds(); round++) {
      rounds.add(replay.next(plan.tokens()));
    }
    double hitRate = (double) cache.hits() / Math.max(1, cache.hits() + cache.misses());
    return new Course(policy, pinShare, hitRate, replay.medianMicros(plan.rounds() * plan.tokens()),
        rounds,
        new double[plan.rounds()]);
  }

  private Entry entry(Course course, double[] control) {
    double[] ratios = IntStream.range(0, plan.rounds())
        .mapToDouble(r -> course.millis()[r] / control[r]).sorted().toArray();
    double tokens = (double) plan.rounds() * plan.tokens();
    return new Entry(course.policy(), course.pinShare(), course.hitRate(),
        course.rounds().stream().mapToLong(ReadList::bytes).sum() / tokens,
        course.rounds().stream().mapToLong(ReadList::requests).sum() / tokens,
        course.cacheMicros(), median(course.millis()), median(ratios), ratios[0],
        ratios[ratios.length - 1]);
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int half = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }

  /** All bundles (layer · bundles + disk position), the most frequent first. */
  private int[] hottest() {
    int bundles = sets.bundles();
    float[] frequency = Floats.fromBytes(store.blob(StoreKeys.FREQUENCY).orElseThrow(
        () -> new BadInputException(store.folder(), "has no frequencies",
            "bundle it from a trace")));
    float[] atPosition = new float[frequency.length];
    for (int layer = 0; layer < sets.layers(); layer++) {
      int[] order = store.order(layer);
      for (int position = 0; position < bundles; position++) {
        atPosition[layer * bundles + position] = frequency[layer * bundles + order[position]];
      }
    }
    return IntStream.range(0, frequency.length).boxed()
        .sorted(Comparator.comparingDouble((Integer b) -> -atPosition[b]))
        .mapToInt(Integer::intValue).toArray();
  }

  /** Direct reads of pages that are not on the device yet would wait for them. */
  private static void settle(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      throw new FaultException(file, FaultException.reason(e), "check the disk", e);
    }
  }

  /** As far as possible. */
  private static void delete(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    } catch (IOException | UncheckedIOException e) {
      return; // what is left is named like what it is
    }
  }
}
