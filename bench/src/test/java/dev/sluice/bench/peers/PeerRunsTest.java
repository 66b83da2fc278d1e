package dev.sluice.bench.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.bench.compare.Progress;
import dev.sluice.bench.peers.PeerComparison.Figures;
import dev.sluice.bench.peers.PeerComparison.Point;
import dev.sluice.bench.peers.PeerComparison.Result;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** llama.cpp for real. Skipped where Node.js, its package or the right to make cgroups is missing. */
@Tag("long")
class PeerRunsTest {
  private static final Path ROOT = Path.of(System.getProperty("sluice.root"));
  private static final Path GGUF = ROOT.resolve("fixtures/gguf/arcee-q8_0/model.gguf");
  private static final Path PACKAGE = ROOT.resolve("sluice-data/peers");

  @TempDir
  private Path folder;

  @Test
  void llamaEvaluatesTheGivenTokensAndAQuantOfThem() {
    assumeTrue(Files.exists(GGUF), () -> GGUF + " is missing");
    LlamaPackage llama = llama();
    assumeTrue(mayMakeGroups(), "this user may make no cgroup with a memory limit");
    List<Integer> ids = IntStream.range(0, 40).boxed().toList();
    PeerPlan plan = new PeerPlan(GGUF, Optional.empty(), new TokenLists(List.of(1, 2, 3), ids),
        List.of(new RamSize("512M", 512L << 20)),
        EnumSet.of(Contender.REFERENCE, Contender.LLAMA, Contender.QUANT), llama,
        Path.of("unused"), List.of(), folder, 1, 1, 600);
    PeerComparison comparison = new PeerRuns(plan, Progress.SILENT).run();
    assertEquals(2, comparison.points().size());
    assertEquals("arcee-q8_0", comparison.setting().model());
    for (Point point : comparison.points()) {
      for (Result result : point.results()) {
        assertEquals("", result.note());
        Figures figures = result.figures();
        assertNotNull(figures, result::rival);
        assertEquals(40, figures.decodedTokens());
        assertTrue(figures.cpuSecondsPerToken().median() > 0);
        assertTrue(figures.peakHeldBytes().median() > 20e6, "node alone takes more");
        assertTrue(figures.peakGroupBytes().median() <= 512L << 20 || point.limitBytes() == 0);
      }
    }
    Result quant = comparison.points().get(1).results().getLast();
    assertEquals("llama.cpp, Q6_K", quant.rival());
    assertTrue(Files.exists(folder.resolve("model-Q6_K.gguf")));
    assertTrue(Math.abs(quant.figures().perplexityChange()) < 1);
  }

  @Test
  void aRivalThatDoesNotFitHasANoteInsteadOfFigures() {
    assumeTrue(Files.exists(GGUF), () -> GGUF + " is missing");
    LlamaPackage llama = llama();
    assumeTrue(mayMakeGroups(), "this user may make no cgroup with a memory limit");
    PeerPlan plan =
        new PeerPlan(GGUF, Optional.empty(), new TokenLists(List.of(1), List.of(2)),
            List.of(new RamSize("8M", 8L << 20)), EnumSet.of(Contender.LLAMA, Contender.QUANT),
            llama, Path.of("unused"), List.of(), folder, 1, 1, 600);
    List<Result> results =
        new PeerRuns(plan, Progress.SILENT).run().points().getFirst().results();
    assertNull(results.getFirst().figures());
    assertTrue(results.getFirst().note().contains("more memory than its limit"));
    assertTrue(results.getLast().note().startsWith("none fits: Q2_K takes some "));
  }

  private static LlamaPackage llama() {
    try {
      return LlamaPackage.find(PACKAGE);
    } catch (BadInputException e) {
      assumeTrue(false, e::getMessage);
      throw e;
    }
  }

  private static boolean mayMakeGroups() {
    try {
      MemoryController.find();
      return true;
    } catch (FaultException e) {
      return false;
    }
  }
}
