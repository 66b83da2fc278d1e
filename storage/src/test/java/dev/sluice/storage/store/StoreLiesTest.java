package dev.sluice.storage.store;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Manifest.FileEntry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Stores whose digests and checksums are all right but whose content is not: each claim must be checked. */
class StoreLiesTest {
  @TempDir
  Path scratch;
  private Path folder;

  @BeforeEach
  void writeStore() {
    folder = StoreFixtures.write(scratch.resolve("tiny.sluice"), Container.FILE, 9);
  }

  static Stream<Arguments> replacements() {
    return Stream.of(
        Arguments.of("config", "\"layers\":2", "\"layers\":2000000000"),
        Arguments.of("config", "\"layers\":2", "\"layers\":-1"),
        Arguments.of("config", "\"layers\":2", "\"layers\":3"),
        Arguments.of("config", "\"hidden\":24", "\"hidden\":25"),
        Arguments.of("config", "\"feed_forward\":37", "\"feed_forward\":36"),
        Arguments.of("config", "\"feed_forward\":37", "\"feed_forward\":37.5"),
        Arguments.of("config", "\"feed_forward\":37", "\"feed_forward\":\"37\""),
        Arguments.of("config", "\"kv_heads\":2", "\"kv_heads\":3"),
        Arguments.of("config", "\"kv_heads\":2", "\"kv_heads\":8"),
        Arguments.of("config", "\"rotated_size\":6", "\"rotated_size\":7"),
        Arguments.of("config", "\"norm\":1", "\"norm\":0"),
        Arguments.of("config", "\"activation\":2", "\"activation\":9"),
        Arguments.of("config", "\"form\":1", "\"form\":2"),
        Arguments.of("config", "\"form\":1", "\"form\":3"),
        Arguments.of("config", "\"head\":1", "\"head\":0"),
        Arguments.of("config", "\"kind\":0", "\"kind\":3"),
        Arguments.of("config", "\"up\":1", "\"up\":0"),
        Arguments.of("config", "\"down\":1", "\"down\":77"),
        Arguments.of("config", "\"theta\":10000.0", "\"theta\":1e999"),
        Arguments.of("config", "\"theta\":10000.0", "\"theta\":null"),
        Arguments.of("config", "\"layers\":2", "\"layers\":2,\"layers\":2"),
        Arguments.of("config", "}", ""),
        Arguments.of("tensors", "\"bytes\":2400", "\"bytes\":2402"),
        Arguments.of("tensors", "\"bytes\":2400", "\"bytes\":9223372036854775807"),
        Arguments.of("tensors", "\"offset_bytes\":0", "\"offset_bytes\":-64"),
        Arguments.of("tensors", "\"offset_bytes\":0", "\"offset_bytes\":64"),
        Arguments.of("tensors", "\"offset_bytes\":0", "\"offset_bytes\":2"),
        Arguments.of("tensors", "\"shape\":[1200]", "\"shape\":[-1200]"),
        Arguments.of("tensors", "\"shape\":[1200]", "\"shape\":[]"),
        Arguments.of("tensors", "\"shape\":[1200]", "\"shape\":[2147483647,2147483647,1200]"),
        Arguments.of("tensors", "\"shape\":[1200]", "\"shape\":[1,1,1,1,1,1,1,1,1,1200]"),
        Arguments.of("tensors", "\"type\":1", "\"type\":3"),
        Arguments.of("tensors", "\"embed\"", "\"norm.weight\""),
        Arguments.of("config", "\"up\":1", "\"up\":3"),
        Arguments.of("config", "\"down\":1", "\"down\":32"),
        Arguments.of("config", "\"block_neurons\":0", "\"block_neurons\":32"),
        Arguments.of("ffn", "\"bundle_bytes\":144", "\"bundle_bytes\":96"),
        Arguments.of("ffn", "\"base_offset_bytes\":8192", "\"base_offset_bytes\":0"),
        Arguments.of("ffn", "\"base_offset_bytes\":8192", "\"base_offset_bytes\":8193"),
        Arguments.of("ffn", "\"base_offset_bytes\":8192", "\"base_offset_bytes\":12288"),
        Arguments.of("ffn", "\"base_offset_bytes\":8192", "\"base_offset_bytes\":-4096"),
        Arguments.of("ffn", "\"stride_bytes\":144", "\"stride_bytes\":143"),
        Arguments.of("ffn", "\"stride_bytes\":144", "\"stride_bytes\":2147483647"),
        Arguments.of("ffn", "\"stride_bytes\":144", "\"stride_bytes\":16777216"),
        Arguments.of("ffn", "\"bytes\":144", "\"bytes\":145"),
        Arguments.of("ffn", "\"offset_in_bundle_bytes\":0", "\"offset_in_bundle_bytes\":8"),
        Arguments.of("ffn", "\"parts\":[{", "\"parts\":[],\"was\":[{"));
  }

  @ParameterizedTest
  @MethodSource("replacements")
  void lyingJson(String key, String from, String to) throws IOException {
    Map<String, byte[]> entries = entries();
    String json = new String(entries.get(key), StandardCharsets.UTF_8);
    assertTrue(json.contains(from), json);
    entries.put(key, json.replaceFirst(Pattern.quote(from), to).getBytes(StandardCharsets.UTF_8));
    assertCatalogRefused(entries);
  }

  @Test
  void lyingArrays() throws IOException {
    for (String key : new String[] {
      "config", "tensors", "ffn", "order/0", "order/1", "checksums/dense", "checksums/ffn"
    }) {
      Map<String, byte[]> entries = entries();
      byte[] value = entries.remove(key);
      assertCatalogRefused(entries);
      entries.put(key, Arrays.copyOf(value, value.length - 4));
      assertCatalogRefused(entries);
      entries.put(key, Arrays.copyOf(value, value.length + 4));
      assertCatalogRefused(entries);
    }
    for (int neuron : new int[] {-1, 37, Integer.MIN_VALUE}) {
      Map<String, byte[]> entries = entries();
      ByteBuffer.wrap(entries.get("order/1"))
          .order(ByteOrder.LITTLE_ENDIAN)
          .putInt(8, neuron);
      assertCatalogRefused(entries);
    }
    Map<String, byte[]> entries = entries();
    System.arraycopy(entries.get("order/0"), 0, entries.get("order/0"), 4, 4);
    assertCatalogRefused(entries);
  }

  /** What kills a JVM whose LMDB maps more than the file holds. */
  @Test
  void truncatedCatalogWithARightDigest() throws IOException {
    Path catalog = folder.resolve(StoreFormat.CATALOG);
    byte[] good = Files.readAllBytes(catalog);
    for (int length = 0; length < good.length; length += 1024) {
      Files.write(catalog, Arrays.copyOf(good, length));
      signManifest();
      BadInputException refusal =
          assertThrows(BadInputException.class, () -> Store.open(folder), "cut to " + length);
      assertTrue(refusal.getMessage().contains("catalog.mdb"), refusal.getMessage());
    }
    Files.write(catalog, new byte[good.length]);
    signManifest();
    assertThrows(BadInputException.class, () -> Store.open(folder));
  }

  private Map<String, byte[]> entries() throws IOException {
    Path catalog = folder.resolve(StoreFormat.CATALOG);
    try (FileChannel channel = FileChannel.open(catalog)) {
      CatalogReader.Contents contents = CatalogReader.read(catalog, channel);
      Map<String, byte[]> entries = new TreeMap<>(contents.entries());
      for (Map.Entry<String, BlobPlace> left : contents.places().entrySet()) {
        ByteBuffer value = ByteBuffer.allocate(Math.toIntExact(left.getValue().bytes()));
        while (value.hasRemaining()) {
          channel.read(value, left.getValue().offsetBytes() + value.position());
        }
        entries.put(left.getKey(), value.array());
      }
      return entries;
    }
  }

  private void assertCatalogRefused(Map<String, byte[]> entries) throws IOException {
    Path catalog = folder.resolve(StoreFormat.CATALOG);
    byte[] good = Files.readAllBytes(catalog);
    Files.delete(catalog);
    CatalogWriter.write(catalog, new TreeMap<>(entries));
    signManifest();
    BadInputException refusal = assertThrows(BadInputException.class, () -> Store.open(folder));
    assertTrue(refusal.getMessage().startsWith(catalog.toString()), refusal.getMessage());
    Files.write(catalog, good);
    signManifest();
    Store.open(folder).close();
  }

  /** Writes a MANIFEST that vouches for whatever the files hold now. */
  private void signManifest() throws IOException {
    SortedMap<String, FileEntry> files = new TreeMap<>();
    for (String name : new String[] {"catalog.mdb", "dense.bin", "ffn.bin"}) {
      byte[] bytes = Files.readAllBytes(folder.resolve(name));
      files.put(name, new FileEntry(bytes.length, FileScan.sha256(bytes)));
    }
    Files.write(
        folder.resolve(StoreFormat.MANIFEST),
        Manifest.encode(
            Container.FILE, Arrangement.BUNDLED, files, StoreFixtures.PROVENANCE));
  }
}
