package dev.sluice.bench.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LlamaPackageTest {
  private static final String BUILDS = "@node-llama-cpp/linux-x64/bins/linux-x64";

  @TempDir
  Path folder;
  private Path modules;
  private Path work;

  @BeforeEach
  void makePackage() throws IOException {
    Path elsewhere = Files.createDirectories(folder.resolve("elsewhere"));
    Files.writeString(elsewhere.resolve("package.json"), "{\"version\": \"1.2.3\"}");
    modules = Files.createDirectories(folder.resolve("node_modules"));
    Files.createSymbolicLink(modules.resolve("node-llama-cpp"), elsewhere);
    Path builds = Files.createDirectories(modules.resolve(BUILDS));
    Files.writeString(builds.resolve("libggml-cpu-zen4.so"), "zen");
    Files.writeString(builds.resolve("libggml-cpu-sapphirerapids.so"), "tiles");
    work = folder.resolve("work");
  }

  private LlamaPackage without(String build) {
    return new LlamaPackage(modules.resolve("node-llama-cpp")).without(build, work);
  }

  @Test
  void allButTheBuildIsLinked() throws IOException {
    LlamaPackage other = without("libggml-cpu-sapphire.*");
    Path builds = other.folder().resolveSibling(BUILDS);
    assertTrue(Files.isRegularFile(other.folder().resolve("package.json")), "behind a link");
    assertEquals("zen", Files.readString(builds.resolve("libggml-cpu-zen4.so")));
    assertFalse(Files.exists(builds.resolve("libggml-cpu-sapphirerapids.so")));
    assertTrue(Files.exists(modules.resolve(BUILDS).resolve("libggml-cpu-sapphirerapids.so")));
  }

  @Test
  void itIsMadeOnceForEachVersion() throws IOException {
    LlamaPackage first = without("libggml-cpu-sapphire.*");
    assertEquals(first, without("libggml-cpu-sapphire.*"));
    Files.writeString(folder.resolve("elsewhere/package.json"), "{\"version\": \"1.2.4\"}");
    assertFalse(first.equals(without("libggml-cpu-sapphire.*")));
    try (Stream<Path> kept = Files.list(work)) {
      assertEquals(2, kept.count());
    }
  }

  @Test
  void aBuildThatIsNotThereIsAFaultThatLeavesNothing() throws IOException {
    FaultException fault = assertThrows(FaultException.class, () -> without("libggml-other.*"));
    assertTrue(fault.getMessage().contains("no file matches libggml-other"));
    try (Stream<Path> kept = Files.list(work)) {
      assertEquals(0, kept.count());
    }
  }
}
