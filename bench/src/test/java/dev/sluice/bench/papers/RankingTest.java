package dev.sluice.bench.papers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.papers.Ranking.Better;
import dev.sluice.bench.papers.Ranking.Entrant;
import dev.sluice.bench.papers.Ranking.Measure;
import dev.sluice.bench.papers.Ranking.Ranked;
import dev.sluice.bench.papers.Ranking.Sampled;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RankingTest {
  private static final PairedBootstrap BOOTSTRAP = new PairedBootstrap(40, 500, 1);

  private static Entrant entrant(String name, double mean, double spread) {
    double[] windows = new Random(name.hashCode()).doubles(40, mean - spread, mean + spread)
        .toArray();
    return new Entrant(name, sample -> PairedBootstrap.mean(windows, sample));
  }

  @Test
  void aClearFirstIsNamed() {
    Measure measure = new Measure("sparsity", "%", Better.HIGHER, Sampled.WINDOWS,
        List.of(entrant("low", 5, 0.1), entrant("high", 9, 0.1), entrant("middle", 7, 0.1)));
    List<Ranked> ranked = Ranking.rank(measure, BOOTSTRAP);
    assertEquals(List.of("high", "middle", "low"), ranked.stream().map(Ranked::name).toList());
    String sentence = Ranking.sentence(measure, ranked);
    assertTrue(sentence.endsWith("high is first."), sentence);
    assertTrue(!sentence.contains("≈ "), sentence);
  }

  @Test
  void nothingIsClaimedWhereATieIsPossible() {
    Measure measure = new Measure("loss", "", Better.LOWER, Sampled.WINDOWS,
        List.of(entrant("a", 5, 3), entrant("b", 5.1, 3), entrant("c", 50, 3)));
    List<Ranked> ranked = Ranking.rank(measure, BOOTSTRAP);
    assertEquals("c", ranked.getLast().name());
    assertEquals("no", ranked.getFirst().againstNext());
    assertEquals("yes", ranked.get(1).againstNext());
    String sentence = Ranking.sentence(measure, ranked);
    assertTrue(sentence.contains(" ≈ ") && sentence.contains("cannot be told apart"), sentence);
  }

  @Test
  void figuresWithoutWindowsHaveNoInterval() {
    Measure measure = new Measure("gap", "", Better.HIGHER, Sampled.ONCE,
        List.of(Entrant.fixed("none", Double.NaN), Entrant.fixed("a", 0.5),
            Entrant.fixed("b", 0.6)));
    List<Ranked> ranked = Ranking.rank(measure, BOOTSTRAP);
    assertEquals(List.of("b", "a", "none"), ranked.stream().map(Ranked::name).toList());
    assertEquals("no interval", ranked.getFirst().againstNext());
    assertTrue(Double.isNaN(ranked.getFirst().interval().low()));
    assertTrue(Ranking.sentence(measure, ranked).endsWith("b leads; this figure has no interval."));
  }
}
