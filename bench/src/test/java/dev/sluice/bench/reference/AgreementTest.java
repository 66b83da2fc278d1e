package dev.sluice.bench.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.compare.Progress;
import dev.sluice.bench.demo.Workshop;
import dev.sluice.bench.papers.Effort;
import dev.sluice.bench.papers.ModelSource;
import dev.sluice.bench.papers.Papers;
import dev.sluice.bench.papers.ResultTable;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.text.TextFile;
import dev.sluice.storage.block.Backend;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What `bench papers` measures, beside each figure of {@code expected.json}. */
class AgreementTest {
  private static final int AGREES = 7;
  private static final int SEARCHES = 1;
  private static final int RISE_AT_OURS = 4;
  private static final int RISE_AT_THEIRS = 6;

  private static Workers workers;

  @TempDir
  private Path folder;

  @BeforeAll
  static void start() {
    workers = new Workers(2);
  }

  @AfterAll
  static void stop() {
    workers.close();
  }

  /** Thresholds and divergence over the first eight windows: seven figures a row but the exact rule's threshold of each layer. */
  @ParameterizedTest
  @CsvSource({"relu2,35", "swiglu,35"})
  void onTheFirstWindows(String name, int figures) {
    check(name, Twin.of(name).bundled(), Effort.quick().withHeldOutTokens(2_048), figures);
  }

  @Tag("long")
  @ParameterizedTest
  @CsvSource({"relu,384", "relu2,384", "reglu,460", "swiglu,385"})
  void onTheWholeText(String name, int fewest) {
    Path bundled = new Workshop(folder, workers, Backend.AUTO, Progress.SILENT).bundled(name,
        Checkpoints.folder(name), text("calibration"), text("search"));
    check(name, bundled, Effort.full(), fewest);
  }

  private void check(String name, Path store, Effort effort, int fewest) {
    ModelSource source = new ModelSource(name, store, Optional.empty(),
        Optional.of(Checkpoints.folder(name).resolve("expected.json")));
    List<ResultTable> tables = Papers.run(
        new Papers.Request(List.of(source), effort, List.of("agreement"), folder,
            TextFile.read(text("held-out")), "held-out.txt", Backend.AUTO),
        workers, Progress.SILENT).findings().getFirst().tables();
    ResultTable rows = tables.getLast();
    assertEquals("rise_at_pytorch_target_percent",
        tables.get(SEARCHES).columns().get(RISE_AT_THEIRS).key());
    assertEquals("agrees", rows.columns().get(AGREES).key());
    assertTrue(rows.rows().size() >= fewest, () -> "only " + rows.rows().size() + " figures");
    for (List<Object> row : rows.rows()) {
      if (row.get(1).equals("CETT-PPL-1 % target") && row.get(AGREES).equals("no")) {
        assertUndecided(row, tables.get(SEARCHES));
      } else {
        assertEquals("yes", row.get(AGREES), row::toString);
      }
    }
  }

  /**
   * A search may end a step away from PyTorch's only where perplexity at PyTorch's target is so near the limit that the order of
   * float sums decides. So it is with SwiGLU's output rule at 0.05625: in float64 (NumPy, the same weights, tokens and
   * thresholds) it rises by 1.000142 %, in float32 by 1.000268 %, in our kernels by 1.00012 %; the limit is 1 %.
   */
  private static void assertUndecided(List<Object> row, ResultTable searches) {
    List<Object> search = searches.rows().stream()
        .filter(each -> each.get(0).equals(row.get(0)) && row.get(2).toString().endsWith(
            each.get(1).toString()))
        .findFirst().orElseThrow();
    double rise = (double) search.get(RISE_AT_THEIRS);
    assertTrue(rise > 1.0001 && rise < 1.0005, search::toString);
    assertTrue((double) search.get(RISE_AT_OURS) <= 1.0001, search::toString);
  }

  private static Path text(String name) {
    return Checkpoints.ROOT.resolve("models/" + name + ".txt");
  }
}
