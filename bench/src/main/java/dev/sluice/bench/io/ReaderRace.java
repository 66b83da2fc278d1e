package dev.sluice.bench.io;

import dev.sluice.bench.compare.Progress;
import dev.sluice.bench.io.Race.Entrant;
import dev.sluice.bench.io.RaceResult.Course;
import dev.sluice.bench.io.RaceResult.Setting;
import dev.sluice.bundler.pack.Repacker;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.posix.Libc;
import dev.sluice.storage.posix.OpenFlag;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.trace.TraceReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * The readers against a C loop with one io_uring, direct reads and huge pages, compiled on the spot: the same file, depth and
 * offsets, in turns. Every racer is a process of its own.
 */
public final class ReaderRace {
  private static final int IN_FLIGHT = 128;
  private static final long SEED = 1;
  private static final int MMAP_BYTES = 16 << 10;
  private static final long MMAP_LAP_BYTES = 8L << 20;
  private static final long MEMORY_BYTES = 128L << 20;

  /** Request sizes, and bytes of a lap: about a tenth of a second each. */
  private static final int[] REQUEST_BYTES = {4 << 10, 16 << 10, 64 << 10, 256 << 10};
  private static final long[] LAP_BYTES = {32L << 20, 96L << 20, 128L << 20, 128L << 20};

  /** {@code nobody}, who has what any user has. */
  private static final List<String> AS_NOBODY = List.of("setpriv", "--reuid=65534",
      "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all",
      "--no-new-privs");
  private static final List<String> LITTLE_MEMLOCK = List.of("prlimit", "--memlock=8388608");

  private final RacePlan plan;
  private final Progress progress;
  private final Path scratch;
  private final Path program;
  private final List<String> notes = new ArrayList<>();
  private final List<Racer> racers = new ArrayList<>();

  private ReaderRace(RacePlan plan, Path scratch, Progress progress) {
    this.plan = plan;
    this.progress = progress;
    this.scratch = scratch;
    this.program = RingControl.compile(scratch);
  }

  /**
   * @throws BadInputException if there is no gcc, or store and trace do not fit
   * @throws FaultException if a racer or the disk fails
   */
  public static RaceResult run(RacePlan plan, String madeBy, String processor, Progress progress) {
    try {
      Path file =
          RandomFile.at(plan.folder().resolve("sluice-random-read.bin"), plan.fileBytes());
      // Where another user's racer can read its lists too.
      Path scratch = Files.createTempDirectory(plan.folder(), "race-",
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
      Thread hook = new Thread(() -> delete(scratch));
      Runtime.getRuntime().addShutdownHook(hook);
      try {
        return new ReaderRace(plan, scratch, progress).run(file, madeBy, processor);
      } finally {
        forget(hook);
        delete(scratch);
      }
    } catch (IOException e) {
      throw new FaultException(plan.folder(), FaultException.reason(e), "free space there", e);
    }
  }

  private RaceResult run(Path file, String madeBy, String processor) throws IOException {
    List<Course> courses = new ArrayList<>();
    dropPages(file);
    if (plan.courses().contains(RacePlan.Kind.RANDOM)) {
      try {
        courses.addAll(randomReads(file));
      } finally {
        closeRacers();
      }
    }
    if (plan.courses().contains(RacePlan.Kind.MISSES) && plan.misses().isPresent()) {
      try {
        courses.addAll(misses(plan.misses().get()));
      } finally {
        closeRacers();
      }
    }
    Setting setting = new Setting(madeBy, System.getProperty("os.version"), processor,
        file.toString(), IN_FLIGHT, plan.rounds(), SEED, List.copyOf(notes));
    return new RaceResult(setting, courses);
  }

  private List<Course> randomReads(Path file) {
    Racer control = control("C", file, "coop");
    Optional<Racer> fixed =
        unlessItCannot(() -> control("C, registered buffers", file, "coop", "fixed"));
    Racer ring = reader("io_uring", file, Backend.IO_URING, List.of());
    Optional<Racer> ordinary = ordinary(file);
    Racer pread = reader("pread", file, Backend.PREAD, List.of());
    Racer channel = reader("channel", file, Backend.CHANNEL, List.of());
    Racer mmap = reader("mmap", file, Backend.MMAP, List.of());
    Optional<Fio> fio =
        plan.guest() == RacePlan.Guest.FIO ? Fio.find() : Optional.empty();
    if (plan.guest() == RacePlan.Guest.FIO && fio.isEmpty()) {
      notes.add("fio is not installed");
    }
    List<Course> courses = new ArrayList<>();
    Race race = new Race(plan.rounds(), progress);
    for (int s = 0; s < REQUEST_BYTES.length; s++) {
      int size = REQUEST_BYTES[s];
      IntFunction<ReadList> lists = random(size, LAP_BYTES[s]);
      List<Entrant> entrants = new ArrayList<>();
      Stream.of(Optional.of(control), fixed, Optional.of(ring), ordinary, Optional.of(pread),
          Optional.of(channel))
          .flatMap(Optional::stream).forEach(racer -> entrants.add(new Entrant(racer, lists)));
      if (size == MMAP_BYTES) {
        // Few, so that it seldom meets a page that it has read before.
        entrants.add(new Entrant(mmap, random(size, MMAP_LAP_BYTES)));
      }
      fio.ifPresent(it -> {
        entrants.add(new Entrant(new FioRacer(it, file, size, IN_FLIGHT), lists));
        if (!Fio.hasHugePages(size, IN_FLIGHT)) {
          notes.add("fio had small pages at " + (size >> 10) + " KiB: reserve "
              + Fio.hugePages(size, IN_FLIGHT) + " (sysctl vm.nr_hugepages)");
        }
      });
      courses.add(race.run("random, " + (size >> 10) + " KiB", entrants));
    }
    return courses;
  }

  private IntFunction<ReadList> random(int requestBytes, long lapBytes) {
    int requests = Math.toIntExact(lapBytes / requestBytes);
    return round -> ReadList.random(plan.fileBytes(), requestBytes, requests,
        SEED + 1000L * requestBytes + round);
  }

  /** The requests of a trace's tokens, from both containers. */
  private List<Course> misses(RacePlan.Misses misses) throws IOException {
    try (Store store = Store.open(misses.store());
        Store file = repacked(store, Container.FILE, misses.strideBytes());
        Store lmdb = repacked(store, Container.LMDB, misses.strideBytes())) {
      ReadPlanner.Limits limits = new ReadPlanner.Limits(4096, 16 << 10, 512 << 10);
      ReadList fileList = list(file, misses, limits);
      ReadList lmdbList = list(lmdb, misses, limits);
      dropPages(file.ffn().file());
      dropPages(lmdb.ffn().file());
      IntFunction<ReadList> fileLists = _ -> fileList;
      IntFunction<ReadList> lmdbLists = _ -> lmdbList;
      Race race = new Race(plan.rounds(), progress);
      Racer control = control("C", file.ffn().file(), "coop");
      Racer ring = reader("io_uring", file.ffn().file(), Backend.IO_URING, List.of());
      Optional<Racer> ordinary = ordinary(file.ffn().file());
      Racer other = reader("io_uring, LMDB container", lmdb.ffn().file(), Backend.IO_URING,
          List.of());
      int stride = file.ffn().layers().getFirst().getFirst().strideBytes();
      IntFunction<ReadList> landings = _ -> fileList;
      Racer copied =
          control("C, then copied to slots", file.ffn().file(), "coop", "copy=" + stride);
      Racer vectors = control("C, READV to slots", file.ffn().file(), "coop", "readv=" + stride);
      String name = "misses of " + plan.tokens() + " tokens, bundles of "
          + stride + " bytes";
      List<Entrant> entrants = new ArrayList<>();
      entrants.add(new Entrant(control, fileLists));
      entrants.add(new Entrant(ring, fileLists));
      ordinary.ifPresent(racer -> entrants.add(new Entrant(racer, fileLists)));
      entrants.add(new Entrant(copied, landings));
      entrants.add(new Entrant(vectors, landings));
      return List.of(race.run(name, entrants),
          race.run(name + ", containers",
              List.of(new Entrant(ring, fileLists), new Entrant(other, lmdbLists))));
    }
  }

  private ReadList list(Store store, RacePlan.Misses misses, ReadPlanner.Limits limits) {
    try (TraceReader trace = TraceReader.open(misses.trace())) {
      return MissLists.of(store, trace, plan.tokens(), limits);
    }
  }

  private Store repacked(Store store, Container container, int strideBytes) {
    Path target = scratch.resolve(container.name().toLowerCase(Locale.ROOT) + ".sluice");
    Repacker.repack(store, target,
        new StoreWriter.Options(container, Arrangement.BUNDLED, strideBytes, Existing.REFUSE),
        Repacker.Rearrangement.KEEP, ProgressListener.SILENT);
    return Store.open(target);
  }

  private Racer control(String name, Path file, String... options) {
    List<String> command = new ArrayList<>(List.of(program.toString(), file.toString(),
        Integer.toString(IN_FLIGHT), Long.toString(MEMORY_BYTES)));
    command.addAll(List.of(options));
    return started(name, command);
  }

  private Racer reader(String name, Path file, Backend backend, List<String> before) {
    List<String> command = new ArrayList<>(before);
    command.addAll(List.of(
        ProcessHandle.current().info().command().orElse("java"),
        "--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xmx256m",
        "-cp", System.getProperty("java.class.path"), ReadingProcess.class.getName(),
        file.toString(), backend.name(), Long.toString(MEMORY_BYTES)));
    return started(name, command);
  }

  private Racer started(String name, List<String> command) {
    Racer racer = ProcessRacer.start(name, command, scratch);
    racers.add(racer);
    return racer;
  }

  private void closeRacers() {
    racers.forEach(Racer::close);
    racers.clear();
  }

  /** io_uring for somebody who is nobody in particular. */
  private Optional<Racer> ordinary(Path file) {
    return unlessItCannot(() -> reader("io_uring, ordinary user, memlock 8 MiB", file,
        Backend.IO_URING, ordinary()));
  }

  /** A racer that may be missing: then a note says why. */
  private Optional<Racer> unlessItCannot(Supplier<Racer> start) {
    try {
      return Optional.of(start.get());
    } catch (FaultException e) {
      notes.add(e.getMessage());
      return Optional.empty();
    }
  }

  /** What comes before a command so that it has no more rights and locked memory than any user. */
  private static List<String> ordinary() {
    List<String> before = new ArrayList<>();
    if ("root".equals(System.getProperty("user.name"))) {
      before.addAll(AS_NOBODY);
    }
    before.addAll(LITTLE_MEMLOCK);
    return before;
  }

  private static void dropPages(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      channel.force(true); // pages that are not on the device yet cannot be forgotten
    }
    int fd = Libc.open(file.toString(), OpenFlag.O_RDONLY | OpenFlag.O_CLOEXEC);
    Libc.dropCachedPages(fd);
    Libc.close(fd);
  }

  private static void forget(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      return; // the shutdown has begun and runs it
    }
  }

  /** As far as possible. */
  private static void delete(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    } catch (IOException | UncheckedIOException e) {
      return; // it lies beside the file of random bytes, which is kept too
    }
  }
}
