package dev.sluice.bench.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.peers.Child.Outcome;
import dev.sluice.bench.peers.MemoryGroup.Occupancy;
import dev.sluice.bench.peers.MemoryGroup.Tally;
import dev.sluice.bench.peers.PeerComparison.Figures;
import dev.sluice.bench.peers.PeerComparison.Spread;
import dev.sluice.bench.peers.Watch.Sample;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.node.MissingNode;

class PeerFiguresTest {
  private static final long MILLI = 1_000_000;

  /** 1 s of start, 2 s of prompt, 40 tokens of 100 ms: 8 of them after the first 32. */
  private static PeerRun run(double tokenMillis) {
    Transcript transcript =
        new Transcript("engine", "model", 2000, 300, Collections.nCopies(40, tokenMillis),
            List.of(),
            List.of(), MissingNode.getInstance());
    long decoded = Math.round(40 * tokenMillis) * MILLI;
    long start = 5_000 * MILLI;
    long prompt = start + 3_000 * MILLI;
    Watch watch = Watch.of(List.of(
        new Sample(start, Counters.NONE, Occupancy.NONE),
        new Sample(prompt, new Counters(1, 500e6, 7), new Occupancy(300, 50, 900)),
        new Sample(prompt + decoded, new Counters(9, 900e6, 47), new Occupancy(200, 60, 950))));
    return PeerRun.of(new Outcome(start, prompt + decoded, "", watch), transcript,
        new Tally(1000, 3, 0), null);
  }

  @Test
  void timesAreTiedToTheClockByTheAnswer() {
    PeerRun run = run(100);
    assertEquals(1000, run.startMillis(), 1e-6);
    assertEquals(10, run.tokensPerSecond(), 1e-9);
    assertEquals(new Counters(8, 400e6, 40), run.decode());
    assertEquals(8 * 0.2, run.later().cpuSeconds(), 1e-9);
    assertEquals(8, run.later().majorFaults(), 1e-9);
  }

  @Test
  void sumsUpOverRuns() {
    Figures figures =
        PeerFigures.of(List.of(run(100), run(400), run(200)), Double.NaN);
    assertEquals(new Spread(5, 2.5, 10), figures.tokensPerSecond());
    assertEquals(new Spread(10, 10, 10), figures.megabytesPerToken());
    assertEquals(0.2, figures.cpuSecondsPerToken().median(), 1e-9);
    assertEquals(2000, figures.timeToFirstTokenMillis().median());
    assertEquals(300, figures.promptReadWaitMillis().median());
    assertEquals(200, figures.firstP50Millis());
    assertEquals(400, figures.laterP99Millis());
    assertEquals(1, figures.laterMajorFaultsPerToken(), 1e-9);
    assertEquals(350, figures.peakHeldBytes().median());
    assertEquals(1000, figures.peakGroupBytes().median());
    assertEquals(3, figures.limitHits().median());
    assertEquals(40, figures.decodedTokens());
  }

  @Test
  void readsWhatEnginesPrint() {
    Transcript transcript = Transcript.parse("x",
        "{\"engine\":\"e 1\",\"general\":{\"name\":\"n\",\"description\":\"d\"},\"prompt_ms\":3.5,"
            + "\"prompt_wait_ms\":0.5,\"token_ms\":[1,2.5],\"argmax_ids\":[4,5,6]}");
    assertEquals(new Transcript("e 1", "n (d)", 3.5, 0.5, List.of(1.0, 2.5), List.of(4, 5, 6),
        List.of(), MissingNode.getInstance()), transcript);
    assertTrue(Double.isNaN(
        Transcript.parse("x", "{\"prompt_ms\":3.5,\"token_ms\":[1]}").promptWaitMillis()));
  }

  @Test
  void anEngineThatPrintsNoTimesIsAFault() {
    for (String json : List.of("", "no", "{}", "{\"prompt_ms\":1,\"token_ms\":[]}",
        "{\"token_ms\":[1]}", "{\"prompt_ms\":1,\"token_ms\":[\"x\"]}")) {
      FaultException fault =
          assertThrows(FaultException.class, () -> Transcript.parse("rival", json));
      assertTrue(fault.getMessage().startsWith("rival: "), fault::getMessage);
    }
  }

  @Test
  void sharesOfTheModel() {
    assertEquals(new RamSize("1/3", 333_333_333), RamSize.ofShare("1/3", 1_000_000_000));
    assertTrue(RamSize.isShare("3/4"));
    assertTrue(Stream.of("2G", "1/", "/2", "-1/2", "1.5/2", "").noneMatch(RamSize::isShare));
    assertThrows(BadInputException.class, () -> RamSize.ofShare("1/0", 1_000_000_000));
    assertThrows(BadInputException.class, () -> RamSize.ofShare("0/2", 1_000_000_000));
  }

  @Test
  void largestQuantsFirstAndNoneThatIsTooLarge() {
    long weights = 8_000_000_000L;
    assertEquals(KQuant.Q6_K, KQuant.fitting(weights, 1L << 40).getFirst());
    assertEquals(List.of(KQuant.Q3_K_S, KQuant.Q2_K), KQuant.fitting(weights, 3_700_000_000L));
    assertEquals(List.of(), KQuant.fitting(weights, 1_000_000_000));
  }

  @Test
  void oneProcessorForEachThread() {
    String status = "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0,4-6,9\n";
    assertEquals("0,4,5", Processors.first(3, status));
    assertEquals("0,4,5,6,9", Processors.first(5, status));
    assertThrows(BadInputException.class, () -> Processors.first(6, status));
    assertThrows(BadInputException.class, () -> Processors.first(0, status));
  }
}
