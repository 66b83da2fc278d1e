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

  /** Thresholds, and divergence over the first eight windows; six rows of relu2 less the 1 % target's, which is not searched here. */
  @ParameterizedTest
  @CsvSource({"relu2,28", "swiglu,21"})
  void onTheFirstWindows(String name, int figures) {
    check(name, Twin.of(name).bundled(), Effort.quick().withHeldOutTokens(2_048), figures);
  }

  @Tag("long")
  @ParameterizedTest
  @CsvSource({"relu,383", "relu2,383", "reglu,447", "swiglu,371"})
  void onTheWholeText(String name, int fewest) {
    Path bundled = new Workshop(folder, workers, Backend.AUTO, Progress.SILENT).bundled(name,
        Checkpoints.folder(name), text("calibration"), text("search"));
    check(name, bundled, Effort.full(), fewest);
  }

  private void check(String name, Path store, Effort effort, int fewest) {
    ModelSource source = new ModelSource(name, store, Optional.empty(),
        Optional.of(Checkpoints.folder(name).resolve("expected.json")));
    ResultTable rows = Papers.run(
        new Papers.Request(List.of(source), effort, List.of("agreement"), folder,
            TextFile.read(text("held-out")), "held-out.txt", Backend.AUTO),
        workers, Progress.SILENT).findings().getFirst().tables().getLast();
    assertEquals("agrees", rows.columns().get(AGREES).key());
    assertTrue(rows.rows().size() >= fewest, () -> "only " + rows.rows().size() + " figures");
    for (List<Object> row : rows.rows()) {
      assertEquals("yes", row.get(AGREES), row::toString);
    }
  }

  private static Path text(String name) {
    return Checkpoints.ROOT.resolve("models/" + name + ".txt");
  }
}
