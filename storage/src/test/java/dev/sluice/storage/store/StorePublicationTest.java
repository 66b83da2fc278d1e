package dev.sluice.storage.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.SmallDisk;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.lmdbjava.Env;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** Nothing half-made is ever visible, and nothing that somebody has open goes away. */
class StorePublicationTest {
  private static final ModelSpec SPEC = StoreFixtures.spec(FfnForm.GATED, TensorType.F16);

  @TempDir
  Path scratch;

  private static StoreWriter.Options options(Container container, Existing existing) {
    return new StoreWriter.Options(container, Arrangement.BUNDLED, 0, existing);
  }

  @ParameterizedTest
  @EnumSource(Container.class)
  void nothingIsVisibleBeforePublishAndNothingStaysWithoutIt(Container container)
      throws IOException {
    Path target = scratch.resolve("tiny.sluice");
    try (StoreWriter writer =
        StoreWriter.create(target, SPEC, options(container, Existing.REFUSE))) {
      StoreFixtures.fill(writer, SPEC, 1);
      assertTrue(Files.notExists(target));
      List<Path> siblings = StoreFixtures.list(scratch);
      assertEquals(1, siblings.size());
      assertTrue(
          siblings
              .getFirst()
              .getFileName()
              .toString()
              .matches(
                  "\\.tiny\\.sluice\\." + ProcessHandle.current().pid() + "-[0-9a-f]{16}\\.tmp"));
    }
    assertEquals(List.of(), StoreFixtures.list(scratch));
  }

  @Test
  void refusesAnExistingTargetEarlyAndLate() throws IOException {
    Path target = scratch.resolve("tiny.sluice");
    try (StoreWriter late =
        StoreWriter.create(target, SPEC, options(Container.FILE, Existing.REFUSE))) {
      StoreFixtures.fill(late, SPEC, 2);
      StoreFixtures.write(target, Container.FILE, 1);
      BadInputException early =
          assertThrows(
              BadInputException.class,
              () -> StoreWriter.create(target, SPEC, options(Container.FILE, Existing.REFUSE)));
      assertTrue(
          early.getMessage().startsWith(target + ": already exists; pass --force "),
          early.getMessage());
      assertThrows(BadInputException.class, late::publish);
    }
    assertEquals(List.of(target), StoreFixtures.list(scratch));
    try (Store store = Store.open(target)) {
      assertArrayEquals(StoreFixtures.order(SPEC, 1, 0), store.order(0));
    }
  }

  @Test
  void replacesWhileAnotherHasItOpen() throws IOException {
    Path target = StoreFixtures.write(scratch.resolve("tiny.sluice"), Container.LMDB, 1);
    try (Store old = Store.open(target);
        Arena arena = Arena.ofConfined()) {
      StoreFixtures.write(target, SPEC, options(Container.FILE, Existing.REPLACE), 2);
      assertEquals(List.of(target), StoreFixtures.list(scratch));
      try (Store renewed = Store.open(target)) {
        assertNotEquals(old.digest(), renewed.digest());
        assertEquals(Container.FILE, renewed.ffn().container());
        assertArrayEquals(StoreFixtures.order(SPEC, 2, 0), renewed.order(0));
        renewed.verify(ProgressListener.SILENT);
      }
      assertArrayEquals(StoreFixtures.order(SPEC, 1, 0), old.order(0));
      assertEquals(Container.LMDB, old.ffn().container());
      old.loadDense(arena);
      old.verify(ProgressListener.SILENT);
    }
  }

  @Test
  void replaceIsFineWithNothingToReplaceAndWithADamagedStore() throws IOException {
    Path target = scratch.resolve("tiny.sluice");
    StoreFixtures.write(target, SPEC, options(Container.FILE, Existing.REPLACE), 1);
    Files.write(target.resolve(StoreFormat.MANIFEST), new byte[3]);
    StoreFixtures.write(target, SPEC, options(Container.FILE, Existing.REPLACE), 2);
    Store.open(target).close();
    assertEquals(List.of(target), StoreFixtures.list(scratch));
  }

  @Test
  void neverReplacesWhatIsNoStore() throws IOException {
    Path folder = Files.createDirectory(scratch.resolve("thesis"));
    Files.writeString(folder.resolve("chapter1.txt"), "precious");
    Path file = Files.writeString(scratch.resolve("note"), "precious");
    for (Path target : List.of(folder, file)) {
      assertThrows(
          BadInputException.class,
          () -> StoreWriter.create(target, SPEC, options(Container.FILE, Existing.REPLACE)));
    }
    assertEquals("precious", Files.readString(folder.resolve("chapter1.txt")));
    assertEquals("precious", Files.readString(file));
    assertThrows(
        BadInputException.class,
        () -> StoreWriter.create(scratch.resolve("no/where.sluice"), SPEC,
            StoreWriter.Options.DEFAULT));
  }

  @Test
  void aLinkIsFollowedAndStaysALink() throws IOException {
    Path real = StoreFixtures.write(scratch.resolve("real.sluice"), Container.FILE, 1);
    Path link = Files.createSymbolicLink(scratch.resolve("link.sluice"), real);
    StoreFixtures.write(link, SPEC, options(Container.FILE, Existing.REPLACE), 2);
    assertTrue(Files.isSymbolicLink(link));
    try (Store store = Store.open(real)) {
      assertArrayEquals(StoreFixtures.order(SPEC, 2, 0), store.order(0));
    }
  }

  @Test
  void aFailingSourceLeavesNothing() throws IOException {
    for (Container container : Container.values()) {
      Path target = scratch.resolve("tiny.sluice");
      StoreWriter writer = StoreWriter.create(target, SPEC, options(container, Existing.REFUSE));
      FaultException fault =
          assertThrows(
              FaultException.class,
              () -> writer.ffnLayer(
                  0,
                  StoreFixtures.order(SPEC, 1, 0),
                  (neuron, bundle) -> {
                    throw new IOException("unplugged");
                  }));
      assertTrue(fault.getMessage().contains("unplugged"), fault.getMessage());
      assertEquals(List.of(), StoreFixtures.list(scratch));
      assertThrows(IllegalStateException.class, writer::publish);
      writer.close();
    }
  }

  @Test
  void leftoversOfDeadWritersAreClearedAndOthersKept() throws IOException {
    // Process ids end at 2^22 on Linux.
    Path dead =
        Files.createDirectory(scratch.resolve(".tiny.sluice.999999999-0123456789abcdef.tmp"));
    Files.writeString(dead.resolve(StoreFormat.DENSE), "x");
    Path other =
        Files.createDirectory(scratch.resolve(".other.sluice.999999999-0123456789abcdef.tmp"));
    Path alive =
        Files.createDirectory(
            scratch.resolve(
                ".tiny.sluice." + ProcessHandle.current().pid() + "-0123456789abcdef.tmp"));
    Path target = StoreFixtures.write(scratch.resolve("tiny.sluice"), Container.FILE, 1);
    assertEquals(new ArrayList<>(new TreeSet<>(List.of(other, alive, target))),
        StoreFixtures.list(scratch));
  }

  @Test
  void aKilledWriterLeavesTheTargetAbsentAndTheNextOneClearsUp() throws Exception {
    Path target = scratch.resolve("tiny.sluice");
    Process child = startUnfinishedWriter(target);
    child.toHandle().destroyForcibly();
    assertEquals(128 + 9, child.waitFor());
    assertTrue(Files.notExists(target));
    assertEquals(1, StoreFixtures.list(scratch).size());
    StoreFixtures.write(target, Container.FILE, 1);
    assertEquals(List.of(target), StoreFixtures.list(scratch));
  }

  @Test
  void anInterruptedWriterClearsUpItself() throws Exception {
    Path target = scratch.resolve("tiny.sluice");
    Process child = startUnfinishedWriter(target);
    // Through the handle, which leaves the child's stdin open, so that only the signal ends it.
    child.toHandle().destroy();
    assertEquals(128 + 15, child.waitFor());
    assertEquals(List.of(), StoreFixtures.list(scratch));
  }

  private static Process startUnfinishedWriter(Path target) throws Exception {
    StringBuilder classPath = new StringBuilder();
    for (Class<?> type : List.of(
        UnfinishedWriter.class,
        StoreWriter.class,
        Env.class,
        JsonMapper.class,
        JacksonException.class)) {
      Path source = Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
      classPath.append(source).append(':');
    }
    Process child =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            classPath.toString(),
            UnfinishedWriter.class.getName(),
            target.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    assertEquals("writing", child.inputReader().readLine());
    assertEquals(1, StoreFixtures.list(target.getParent()).size());
    return child;
  }

  @Test
  void opensFromAFolderWithoutWritePermission() throws IOException {
    for (Container container : Container.values()) {
      Path target = StoreFixtures.write(scratch.resolve(container + ".sluice"), container, 1);
      assertTrue(target.toFile().setWritable(false, false));
      for (Path file : StoreFixtures.list(target)) {
        assertTrue(file.toFile().setWritable(false, false));
      }
      List<Path> before = StoreFixtures.list(target);
      try (Store store = Store.open(target)) {
        store.verify(ProgressListener.SILENT);
      }
      assertEquals(before, StoreFixtures.list(target));
      assertTrue(target.toFile().setWritable(true, true));
    }
  }

  @Test
  void tooLittleSpaceIsSaidBeforeAnythingIsWritten() throws IOException {
    StoreWriter.Options huge =
        new StoreWriter.Options(
            Container.FILE, Arrangement.BUNDLED, LayerGeometry.MAX_STRIDE_BYTES, Existing.REFUSE);
    ModelSpec deep =
        new ModelSpec(
            "llama",
            4096,
            24,
            1 << 22,
            4,
            2,
            6,
            50,
            128,
            SPEC.norm(),
            1e-5f,
            SPEC.activation(),
            SPEC.form(),
            SPEC.rope(),
            SPEC.head(),
            SPEC.bundle(),
            List.of());
    FaultException fault =
        assertThrows(
            FaultException.class,
            () -> StoreWriter.create(scratch.resolve("huge.sluice"), deep, huge));
    assertTrue(
        fault.getMessage()
            .matches(".*: the store needs about \\d+ MB and \\d+ MB are available; .*"),
        fault.getMessage());
    assertEquals(List.of(), StoreFixtures.list(scratch));
  }

  @ParameterizedTest
  @EnumSource(Container.class)
  void aDiskThatFillsUpLeavesNothing(Container container) throws Exception {
    try (SmallDisk disk = SmallDisk.mount(scratch.resolve("small"), 2 << 20)) {
      Path target = disk.folder().resolve("tiny.sluice");
      StoreWriter dense = StoreWriter.create(target, SPEC, options(container, Existing.REFUSE));
      MemorySegment data = MemorySegment.ofArray(new byte[24 << 20]); // more than is written behind
      FaultException fault =
          assertThrows(
              FaultException.class,
              () -> dense.dense("embed", TensorType.F32, List.of(6 << 20), data));
      assertTrue(fault.getMessage().contains("the disk is full"), fault.getMessage());
      assertEquals(List.of(), StoreFixtures.list(disk.folder()));
      dense.close();

      // Filled by somebody else between the check and the layers.
      StoreWriter.Options padded =
          new StoreWriter.Options(container, Arrangement.BUNDLED, 10_240, Existing.REFUSE);
      StoreWriter ffn = StoreWriter.create(target, SPEC, padded);
      Path hog = Files.write(disk.folder().resolve("hog"), new byte[(3 << 20) / 2]);
      fault =
          assertThrows(
              FaultException.class,
              () -> {
                StoreFixtures.fill(ffn, SPEC, 1);
                ffn.publish();
              });
      assertTrue(fault.getMessage().contains("the disk is full"), fault.getMessage());
      assertEquals(List.of(hog), StoreFixtures.list(disk.folder()));
      ffn.close();

      // A blob too large for the catalog.
      Files.delete(hog);
      StoreWriter blob = StoreWriter.create(target, SPEC, options(container, Existing.REFUSE));
      StoreFixtures.fill(blob, SPEC, 1);
      blob.blob("large", new byte[3 << 20]);
      fault = assertThrows(FaultException.class, blob::publish);
      assertTrue(fault.getMessage().contains("the disk is full"), fault.getMessage());
      assertEquals(List.of(), StoreFixtures.list(disk.folder()));

      StoreFixtures.write(target, container, 1);
      disk.makeReadOnly();
      try (Store store = Store.open(target)) {
        store.verify(ProgressListener.SILENT);
      }
      assertFalse(Files.isWritable(target));
    }
  }
}
