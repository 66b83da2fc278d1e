package dev.sluice.bench.papers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.papers.StepReplay.Geometry;
import dev.sluice.bench.papers.StepReplay.Reads;
import dev.sluice.bench.papers.StepReplay.Step;
import dev.sluice.bench.synth.ActivityStatistics;
import dev.sluice.bench.synth.Profile;
import dev.sluice.bench.synth.SimulatedActivity;
import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.storage.plan.DeviceModel;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StepReplayTest {
  private static final int MOST = 512 << 10;

  /** Rows of 8 KiB, as OPT-6.7B's; five neurons in each of two layers, a vocabulary of six, two positions. */
  private static final Geometry SMALL = new Geometry(2, 4096, 5, 6, 2, 2);

  /** Neurons 0, 1 and 4; 1; 0 and 2; 1. The other layer: 3, always. */
  private static final List<Activity> SETS = List.of(
      Activity.of(4, 5, new long[] {0b10011, 0b00010, 0b00101, 0b00010}),
      Activity.of(4, 5, new long[] {0b01000, 0b01000, 0b01000, 0b01000}));

  /**
   * By hand. The model: 2·4·4096²·2 bytes of attention, 2·2·5·8192 of FFN, 8·8192 of embeddings: 268,664,832 bytes. Named: 7 and 4
   * neurons, so 22 rows and columns in four tokens. New to two tokens: 3 and 1 at the first, then 1 (neuron 2). Bundles 0 and
   * 1 are neighbours; 4 is two bundles away from 1, farther than a gap of 16 KiB.
   */
  @ParameterizedTest
  @CsvSource({
    "NAIVE,     268664832, 513",
    "HYBRID,    134332416, 257",
    "PREDICTOR, 45056,     5.5",
    "WINDOW,    20480,     2.5",
    "BUNDLING,  20480,     1.25",
    "MERGING,   20480,     1"
  })
  void bytesAndRequestsOfEachStep(Step step, double bytes, double requests) {
    Reads reads = new StepReplay(SMALL, MOST).of(step, SETS, 2, 16 << 10, 0);
    assertEquals(bytes, reads.bytes());
    assertEquals(requests, reads.requests());
  }

  @Test
  void gapsAreReadOverAndTokensBeforeTheFirstOnlyFillTheWindow() {
    StepReplay steps = new StepReplay(SMALL, MOST);
    // 0 to 4 in one request of five bundles.
    assertEquals(new Reads((5 + 1 + 1) * 16_384 / 4.0, 3 / 4.0),
        steps.of(Step.MERGING, SETS, 2, 32 << 10, 0));
    assertEquals(new Reads(16_384 / 2.0, 0.5), steps.of(Step.BUNDLING, SETS, 2, 16 << 10, 2));
    assertEquals(new Reads(5 * 2 * 8_192 / 2.0, 5), steps.of(Step.PREDICTOR, SETS, 2, 0, 2));
  }

  @Test
  void theModelIsAsLargeAsThePaperSays() {
    assertEquals(13.4, Geometry.OPT_6_7B.bytes() / 1e9, 0.1);
    assertEquals(8.6, Geometry.OPT_6_7B.ffnBytes() / 1e9, 0.05);
    assertEquals(8192, Geometry.OPT_6_7B.rowBytes());
  }

  @Test
  void theFlashGivesThePapersThroughputs() {
    DeviceModel flash = StepReplay.paperFlash();
    assertEquals(1.25, 8192 / flash.micros(8192) / 1e3, 0.1);
    assertEquals(2.25, 16_384 / flash.micros(16_384) / 1e3, 0.15);
    assertEquals(6.1, (1 << 20) / flash.micros(1 << 20) / 1e3, 0.2);
    assertEquals(3 * flash.micros(8192) / 1e3, new Reads(3 * 8192, 3).millis(flash), 1e-9);
  }

  @Test
  void madeUpFiringsHaveThePublishedShares() {
    int neurons = 4096;
    List<Activity> layers = SimulatedActivity.layers(Profile.OPT_6_7B, 4, neurons, 69, 1);
    StepReplay steps = new StepReplay(new Geometry(4, 4096, neurons, 1, 1, 2), MOST);
    double row = 2.0 * 8192 * neurons * 4;
    ActivityStatistics target = Profile.OPT_6_7B.target();
    double active = steps.of(Step.PREDICTOR, layers, 5, 0, 5).bytes() / row;
    double fresh = steps.of(Step.BUNDLING, layers, 5, 0, 5).bytes() / row;
    assertTrue(Math.abs(active - target.activeShare()) < 0.03, "active " + active);
    assertTrue(Math.abs(fresh - target.newShare()) < 0.012, "new " + fresh);
    assertEquals(layers.get(3).firings(),
        SimulatedActivity.layers(Profile.OPT_6_7B, 4, neurons, 69, 1).get(3).firings());
  }
}
