package dev.sluice.storage.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Stores of each version as they were written on the day it was fixed. They must open for ever. */
class FrozenStoreTest {
  private static final long SEED = FrozenExamples.SEED;
  private static final Path EXAMPLES =
      Path.of(System.getProperty("sluice.root"), "storage/src/test/resources");

  /** Digests are sha256sum's, of MANIFEST from byte 44 on. */
  @ParameterizedTest
  @CsvSource({
    "1, file.sluice, FILE, e9d9ef9709fa07c375a31cc4fe5e6d0d9493d50e012a8ab0d45e912f647ca0dc",
    "1, lmdb.sluice, LMDB, 3f3cf4363fa4813fb5ab45af4549db64a9904d63a4967bcf912feaa346606e3f",
    "2, file.sluice, FILE, 4c98741bc04e7b466f04c94a1f2e64c1a3fd49e0bc09bce4ef87d59e37b02fa2",
    "2, lmdb.sluice, LMDB, b717fbd3f7b1f8393dbe2eda3f0c026a05037b14b8c6f2d5b47ce61d8f9d5264",
    "3, file.sluice, FILE, f00c7b4b18cee5351cb850dcb1a38a425bff7422b17b83bd5ecf4f1dc8fa4a6f",
    "3, lmdb.sluice, LMDB, 81a12f323b0fe15149239bad98df6b701bc949428e6c0d58a2e134b513c18c04"
  })
  void validExamplesOpen(int version, String name, Container container, String digest)
      throws IOException {
    ModelSpec spec =
        switch (version) {
          case 1 -> StoreFixtures.spec(FfnForm.GATED, TensorType.F16);
          case 2 -> StoreFixtures.temperedSpec(FfnForm.GATED, TensorType.F16);
          default -> StoreFixtures.residentGateSpec();
        };
    Path folder = examples(version).resolve(name);
    List<Path> before = StoreFixtures.list(folder);
    try (Store store = Store.open(folder);
        Arena arena = Arena.ofConfined()) {
      assertEquals(digest, store.digest());
      assertEquals(spec, store.spec());
      assertEquals(StoreFixtures.PROVENANCE, store.provenance());
      assertArrayEquals(StoreFixtures.TOKENIZER, store.tokenizerJson().orElseThrow());
      assertArrayEquals(StoreFixtures.BLOB, store.blob("curve/output").orElseThrow());
      assertEquals(container, store.ffn().container());
      assertEquals(Arrangement.BUNDLED, store.ffn().arrangement());
      MemorySegment dense = store.loadDense(arena);
      for (DenseTensor tensor : store.denseTensors()) {
        assertArrayEquals(
            StoreFixtures.dense(spec, SEED).get(tensor.name()),
            dense.asSlice(tensor.offsetBytes(), tensor.bytes()).toArray(ValueLayout.JAVA_BYTE));
      }
      for (int layer = 0; layer < spec.layers(); layer++) {
        assertArrayEquals(StoreFixtures.order(spec, SEED, layer), store.order(layer));
        for (int position = 0; position < spec.feedForward(); position++) {
          assertArrayEquals(
              StoreFixtures.bundle(spec, SEED, layer, store.order(layer)[position]),
              StoreFixtures.readBundle(store.ffn(), layer, position));
        }
      }
      store.verify(ProgressListener.SILENT);
    }
    assertEquals(before, StoreFixtures.list(folder));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "manifest-flipped | MANIFEST: does not match its checksum",
        "catalog-flipped | catalog.mdb: does not match its digest in MANIFEST"
      })
  void openFindsDamage(String name, String words) {
    for (int version = 1; version <= StoreFormat.VERSION; version++) {
      Path store = corrupt(version, name);
      assertFault(name, words, () -> Store.open(store));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "dense-flipped | dense.bin: page at offset 0 does not match",
        "ffn-flipped | ffn.bin: page at offset 8192 does not match",
        "ffn-padding-flipped | ffn.mdb: page at offset 40960 does not match"
      })
  void verifyFindsDamage(String name, String words) {
    for (int version = 1; version <= StoreFormat.VERSION; version++) {
      try (Store store = Store.open(corrupt(version, name))) {
        assertFault(name, words, () -> store.verify(ProgressListener.SILENT));
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1 | manifest-cut | MANIFEST: holds 156 bytes of JSON instead of 533",
        "1 | manifest-newer | MANIFEST: 'version' is not a whole number from 2 to 2",
        "1 | manifest-other-magic | MANIFEST: not the manifest of a store",
        "1 | catalog-cut | catalog.mdb: has 8192 bytes instead of 12288",
        "1 | dense-missing | dense.bin: is missing",
        "1 | ffn-cut | ffn.mdb: has 20480 bytes instead of 45056",
        "2 | manifest-cut | MANIFEST: holds 156 bytes of JSON instead of 533",
        "2 | manifest-newer | MANIFEST: 'version' is not a whole number from 3 to 3",
        "2 | manifest-other-magic | MANIFEST: not the manifest of a store",
        "2 | catalog-cut | catalog.mdb: has 8192 bytes instead of 12288",
        "2 | dense-missing | dense.bin: is missing",
        "2 | ffn-cut | ffn.mdb: has 20480 bytes instead of 45056",
        "3 | manifest-cut | MANIFEST: holds 156 bytes of JSON instead of 533",
        "3 | manifest-newer | MANIFEST: format version 4, this program reads versions 1 to 3; use a newer sluice",
        "3 | manifest-other-magic | MANIFEST: not the manifest of a store",
        "3 | catalog-cut | catalog.mdb: has 8192 bytes instead of 12288",
        "3 | dense-missing | dense.bin: is missing",
        "3 | ffn-cut | ffn.mdb: has 20480 bytes instead of 45056"
      })
  void openRefuses(int version, String name, String words) {
    BadInputException refusal =
        assertThrows(BadInputException.class, () -> Store.open(corrupt(version, name)));
    assertTrue(refusal.getMessage().contains(words), refusal.getMessage());
  }

  @Test
  void everyCorruptExampleIsCovered() throws IOException {
    for (int version = 1; version <= StoreFormat.VERSION; version++) {
      assertEquals(11, StoreFixtures.list(examples(version).resolve("corrupt")).size());
    }
  }

  private static Path examples(int version) {
    return EXAMPLES.resolve("store-v" + version);
  }

  private static Path corrupt(int version, String name) {
    return examples(version).resolve("corrupt").resolve(name + ".sluice");
  }

  private static void assertFault(
      String name, String words, Executable action) {
    FaultException fault = assertThrows(FaultException.class, action, name);
    assertTrue(fault.getMessage().contains(words), fault.getMessage());
  }
}
