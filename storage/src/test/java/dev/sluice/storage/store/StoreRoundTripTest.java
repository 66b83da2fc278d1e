package dev.sluice.storage.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.AttentionForm;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.NormKind;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scales;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.ModelSpec.ScalingKind;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.lmdbjava.Dbi;
import org.lmdbjava.Env;
import org.lmdbjava.EnvFlags;
import org.lmdbjava.Txn;
import tools.jackson.databind.node.ObjectNode;

class StoreRoundTripTest {
  private static final long SEED = 20260101;

  @TempDir
  Path scratch;

  static Stream<Arguments> layouts() {
    List<Arguments> all = new ArrayList<>();
    for (Container container : Container.values()) {
      for (Arrangement arrangement : Arrangement.values()) {
        for (FfnForm form : FfnForm.values()) {
          for (int stride : new int[] {0, 145, 512, 5000, 10_240}) {
            all.add(Arguments.of(container, arrangement, form, stride));
          }
        }
      }
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("layouts")
  void everythingComesBack(
      Container container, Arrangement arrangement, FfnForm form, int strideBytes)
      throws Exception {
    ModelSpec spec = StoreFixtures.spec(form, TensorType.F16);
    Path folder =
        StoreFixtures.write(
            scratch.resolve("tiny.sluice"),
            spec,
            new StoreWriter.Options(container, arrangement, strideBytes, Existing.REFUSE),
            SEED);
    try (Store store = Store.open(folder);
        Arena arena = Arena.ofConfined()) {
      assertEquals(spec, store.spec());
      assertEquals(folder, store.folder());
      assertEquals(StoreFixtures.PROVENANCE, store.provenance());
      assertArrayEquals(StoreFixtures.TOKENIZER, store.tokenizerJson().orElseThrow());
      assertEquals(List.of("curve/output"), store.blobKeys());
      assertArrayEquals(StoreFixtures.BLOB, store.blob("curve/output").orElseThrow());
      assertTrue(store.blob("none").isEmpty());
      checkDense(store, spec, arena);
      checkFfn(store, spec, container, arrangement, strideBytes);
      List<Long> heard = new ArrayList<>();
      store.verify((done, total) -> heard.add(done * 1_000_000_000L / total));
      assertEquals(heard.stream().sorted().toList(), heard);
      assertEquals(1_000_000_000L, heard.getLast());
    }
    assertEquals(List.of(folder), StoreFixtures.list(scratch));
  }

  private static void checkDense(Store store, ModelSpec spec, Arena arena) {
    MemorySegment memory = store.loadDense(arena);
    assertEquals(0, memory.address() % 64);
    assertEquals(3, store.denseTensors().size());
    for (DenseTensor tensor : store.denseTensors()) {
      byte[] expected = StoreFixtures.dense(spec, SEED).get(tensor.name());
      assertEquals(0, tensor.offsetBytes() % 64);
      assertEquals(expected.length, tensor.bytes());
      assertEquals(List.of(expected.length / 2), tensor.shape());
      assertArrayEquals(
          expected,
          memory
              .asSlice(tensor.offsetBytes(), tensor.bytes())
              .toArray(ValueLayout.JAVA_BYTE));
    }
  }

  private static void checkFfn(
      Store store, ModelSpec spec, Container container, Arrangement arrangement, int strideBytes)
      throws IOException {
    FfnLayout ffn = store.ffn();
    assertEquals(container, ffn.container());
    assertEquals(arrangement, ffn.arrangement());
    assertEquals(spec.bundleBytes(), ffn.bundleBytes());
    int parts = arrangement == Arrangement.BUNDLED ? 1 : spec.rowsPerNeuron();
    byte[] file = Files.readAllBytes(ffn.file());
    assertEquals(0, file.length % 4096);
    assertEquals(file.length / 4096, store.ffnChecksums().pages());
    for (int layer = 0; layer < spec.layers(); layer++) {
      assertArrayEquals(StoreFixtures.order(spec, SEED, layer), store.order(layer));
      List<FfnLayout.Part> layout = ffn.layers().get(layer);
      assertEquals(parts, layout.size());
      int sum = 0;
      for (FfnLayout.Part part : layout) {
        assertEquals(0, part.baseOffsetBytes() % 4096);
        assertEquals(spec.bundleBytes() / parts, part.bytes());
        sum += part.strideBytes();
      }
      int wanted = Math.max(spec.bundleBytes(), strideBytes);
      assertTrue(sum >= wanted && sum < wanted + 2 * parts + parts, "stride " + sum);
      for (int position = 0; position < spec.feedForward(); position++) {
        assertArrayEquals(
            StoreFixtures.bundle(spec, SEED, layer, store.order(layer)[position]),
            StoreFixtures.readBundle(ffn, layer, position));
      }
    }
    store.ffnChecksums().verify(ffn.file(), 0, MemorySegment.ofArray(file), 0, file.length);
    file[4096 + 77] ^= 1;
    FaultException fault =
        assertThrows(
            FaultException.class,
            () -> store
                .ffnChecksums()
                .verify(ffn.file(), 4096, MemorySegment.ofArray(file), 4096, 4096));
    assertTrue(fault.getMessage().contains(ffn.file() + ": page at offset 4096"));
  }

  /** LMDB itself, asked by key, must find the bytes that the layout finds by offset. */
  @Test
  void lmdbAgreesWithRecordedOffsets() throws Exception {
    Path folder = StoreFixtures.write(scratch.resolve("tiny.sluice"), Container.LMDB, SEED);
    ModelSpec spec = StoreFixtures.spec(FfnForm.GATED, TensorType.F16);
    byte[] file = Files.readAllBytes(folder.resolve("ffn.mdb"));
    try (Store store = Store.open(folder);
        Env<ByteBuffer> env =
            Env.create()
                .open(
                    folder.resolve("ffn.mdb").toFile(),
                    EnvFlags.MDB_NOSUBDIR,
                    EnvFlags.MDB_RDONLY_ENV,
                    EnvFlags.MDB_NOLOCK);
        Txn<ByteBuffer> txn = env.txnRead()) {
      Dbi<ByteBuffer> values = env.openDbi(txn, null, null, false);
      for (int layer = 0; layer < spec.layers(); layer++) {
        ByteBuffer key = ByteBuffer.allocateDirect(7)
            .put(("layer/" + layer).getBytes(StandardCharsets.US_ASCII)).flip();
        ByteBuffer value = values.get(txn, key);
        assertEquals(4096 - 16, value.remaining() % 4096);
        long base = store.ffn().layers().get(layer).getFirst().baseOffsetBytes();
        byte[] body = new byte[value.remaining() - 4080];
        value.get(4080, body);
        assertArrayEquals(
            Arrays.copyOfRange(file, (int) base, (int) base + body.length), body);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Container.class)
  void sameInputSameDigest(Container container) throws Exception {
    Path a = StoreFixtures.write(scratch.resolve("a.sluice"), container, SEED);
    Path b = StoreFixtures.write(scratch.resolve("b.sluice"), container, SEED);
    Path c = StoreFixtures.write(scratch.resolve("c.sluice"), container, SEED + 1);
    try (Store first = Store.open(a);
        Store second = Store.open(b);
        Store other = Store.open(c)) {
      assertEquals(first.digest(), second.digest());
      assertTrue(!first.digest().equals(other.digest()));
      byte[] manifest = Files.readAllBytes(a.resolve("MANIFEST"));
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      sha256.update(manifest, 44, manifest.length - 44);
      assertEquals(HexFormat.of().formatHex(sha256.digest()), first.digest());
    }
  }

  @Test
  void everySpecFieldComesBack() {
    for (Activation activation : Activation.values()) {
      for (NormKind norm : NormKind.values()) {
        for (ScalingKind kind : ScalingKind.values()) {
          ModelSpec spec =
              new ModelSpec(
                  "opt",
                  3,
                  64,
                  100,
                  8,
                  8,
                  8,
                  1000,
                  4096,
                  norm,
                  1.1e-7f,
                  activation,
                  FfnForm.UNGATED,
                  new Rope(500_000.5, 4, new Scaling(kind, 8, 1, 4, 8192)),
                  HeadKind.SEPARATE,
                  BundleFormat.of(TensorType.BF16),
                  List.of());
          assertEquals(spec, SpecFormat.decode("test", SpecFormat.encode(spec)));
        }
      }
    }
  }

  @Test
  void whatVersion2BroughtComesBackAndMayBeAbsent() {
    ModelSpec tempered = StoreFixtures.temperedSpec(FfnForm.GATED, TensorType.F16);
    byte[] json = SpecFormat.encode(tempered);
    assertEquals(tempered, SpecFormat.decode("test", json));
    ObjectNode older = (ObjectNode) JsonFields.parse("test", json).node();
    older.remove("attention");
    older.remove("scales");
    ((ObjectNode) older.get("rope").get("scaling")).remove("attention_factor");
    ModelSpec plain = SpecFormat.decode("test", JsonFields.write(older));
    assertEquals(AttentionForm.plain(tempered.headSize()), plain.attention());
    assertEquals(Scales.NONE, plain.scales());
    assertEquals(1, plain.rope().scaling().attentionFactor());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"score_scale\":0.0625 | \"score_scale\":0",
        "\"score_scale\":0.0625 | \"score_scale\":1e300",
        "\"score_cap\":50.0 | \"score_cap\":-1",
        "\"positions\":16 | \"positions\":0",
        "\"layers\":[1] | \"layers\":[2]",
        "\"layers\":[1] | \"layers\":[1,1]",
        "\"logit_cap\":30.0 | \"logit_cap\":\"30\"",
        "\"embedding\":4.5 | \"embedding\":-4.5",
        "\"logits\":0.25 | \"logit\":0.25",
        "\"attention_factor\":1.25 | \"attention_factor\":null",
        "\"rotated_size\":4 | \"rotated_size\":7"
      })
  void scalesAndWindowsThatNoModelHasAreRefused(String from, String to) {
    String sound =
        new String(
            SpecFormat.encode(StoreFixtures.temperedSpec(FfnForm.GATED, TensorType.F16)),
            StandardCharsets.UTF_8);
    String lying = sound.replace(from, to);
    assertTrue(!lying.equals(sound), sound);
    assertThrows(
        BadInputException.class,
        () -> SpecFormat.decode("test", lying.getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void layersOfManyChunksKeepTheirOrder() {
    ModelSpec small = StoreFixtures.spec(FfnForm.UNGATED, TensorType.F32);
    // 3 MiB strides make one or two neurons a chunk.
    Path folder =
        StoreFixtures.write(
            scratch.resolve("wide.sluice"),
            small,
            new StoreWriter.Options(
                Container.FILE, Arrangement.SPLIT, 3 << 20, Existing.REFUSE),
            SEED);
    try (Store store = Store.open(folder)) {
      for (int position = 0; position < small.feedForward(); position++) {
        assertArrayEquals(
            StoreFixtures.bundle(small, SEED, 1, store.order(1)[position]),
            StoreFixtures.readBundle(store.ffn(), 1, position));
      }
    }
  }

  @Test
  void refusesWhatCannotBeStored() {
    ModelSpec spec = StoreFixtures.spec(FfnForm.GATED, TensorType.F16);
    Path target = scratch.resolve("bad.sluice");
    try (StoreWriter writer = StoreWriter.create(target, spec, StoreWriter.Options.DEFAULT)) {
      MemorySegment six = MemorySegment.ofArray(new byte[6]);
      writer.dense("a", TensorType.F16, List.of(3), six);
      assertThrows(
          BadInputException.class, () -> writer.dense("a", TensorType.F16, List.of(3), six));
      assertThrows(
          BadInputException.class, () -> writer.dense("b", TensorType.F16, List.of(4), six));
      assertThrows(
          BadInputException.class, () -> writer.dense("b", TensorType.F16, List.of(-3, -1), six));
      int[] order = StoreFixtures.order(spec, 1, 0);
      assertThrows(
          IllegalArgumentException.class,
          () -> writer.ffnLayer(1, order, (n, t) -> t.fill((byte) 0)));
      int[] twice = order.clone();
      twice[0] = twice[1];
      assertThrows(
          IllegalArgumentException.class,
          () -> writer.ffnLayer(0, twice, (n, t) -> t.fill((byte) 0)));
      assertThrows(IllegalStateException.class, writer::publish);
    }
    assertTrue(Files.notExists(target));
    StoreWriter.Options absurd =
        new StoreWriter.Options(Container.FILE, Arrangement.BUNDLED, -1, Existing.REFUSE);
    assertThrows(BadInputException.class, () -> StoreWriter.create(target, spec, absurd));
  }
}
