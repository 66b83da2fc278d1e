package dev.sluice.engine.ledger;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;

class LedgerTest {
  @Test
  void sumsByTokenByLayerAndInAll() {
    int layers = 3;
    int tokens = 100; // more than it begins with room for
    long[][][] expected = new long[tokens][layers][Quantity.values().length];
    Ledger ledger = new Ledger(layers);
    Random random = new Random(4);
    for (int token = 0; token < tokens; token++) {
      for (int k = 0; k < 40; k++) {
        int layer = random.nextInt(layers);
        Quantity quantity = Quantity.values()[random.nextInt(Quantity.values().length)];
        long amount = random.nextInt(1000);
        ledger.add(layer, quantity, amount);
        expected[token][layer][quantity.ordinal()] += amount;
      }
      ledger.endToken(1000L + token);
    }
    ledger.add(0, Quantity.HITS, 1_000_000); // of a token that is not closed
    assertEquals(tokens, ledger.tokens());
    for (Quantity quantity : Quantity.values()) {
      long all = 0;
      long[] byLayer = new long[layers];
      for (int token = 0; token < tokens; token++) {
        long byToken = 0;
        for (int layer = 0; layer < layers; layer++) {
          long one = expected[token][layer][quantity.ordinal()];
          assertEquals(one, ledger.of(token, layer, quantity));
          byToken += one;
          byLayer[layer] += one;
        }
        assertEquals(byToken, ledger.ofToken(token, quantity));
        all += byToken;
      }
      for (int layer = 0; layer < layers; layer++) {
        assertEquals(byLayer[layer], ledger.ofLayer(layer, quantity));
      }
      assertEquals(all, ledger.total(quantity));
    }
    assertEquals(1042, ledger.tokenNanos(42));
  }

  @Test
  void clearForgetsAlsoTheOpenToken() {
    Ledger ledger = new Ledger(1);
    ledger.add(0, Quantity.MISSES, 5);
    ledger.endToken(7);
    ledger.add(0, Quantity.MISSES, 6);
    ledger.clear();
    ledger.endToken(8);
    assertEquals(1, ledger.tokens());
    assertEquals(0, ledger.total(Quantity.MISSES));
    assertEquals(8, ledger.tokenNanos(0));
  }

  @Test
  void whatOneThreadDidOtherwiseIsTakenOffNoFurtherThanItWasBooked() {
    Ledger ledger = new Ledger(1, 2);
    long until = 100;
    ledger.spentByAll(0, Quantity.ATTENTION_NANOS, 0, until);
    ledger.oneDidOtherwise(0, Quantity.ATTENTION_NANOS, 10, 50, until);
    ledger.endToken(100);
    assertEquals(80, ledger.total(Quantity.ATTENTION_NANOS));
    ledger.spentByAll(0, Quantity.ATTENTION_NANOS, 0, until);
    ledger.oneDidOtherwise(0, Quantity.ATTENTION_NANOS, 10, 400, until);
    ledger.endToken(400);
    assertEquals(80 + 55, ledger.total(Quantity.ATTENTION_NANOS));
    ledger.spentByAll(0, Quantity.ATTENTION_NANOS, 0, until);
    ledger.oneDidOtherwise(0, Quantity.ATTENTION_NANOS, 110, 400, until);
    ledger.endToken(400);
    assertEquals(80 + 55 + 100, ledger.total(Quantity.ATTENTION_NANOS));
  }

  @Test
  void summaryOfAHandMadeRun() {
    Ledger ledger = new Ledger(2);
    for (int token = 0; token < 200; token++) {
      ledger.add(0, Quantity.HITS, 3);
      ledger.add(1, Quantity.MISSES, token < 3 ? 6 : 1);
      ledger.add(1, Quantity.REQUESTS, 2);
      ledger.add(1, Quantity.BYTES_READ, 8192);
      ledger.add(1, Quantity.BYTES_USED_OF_READ, 2048);
      ledger.add(0, Quantity.BYTES_USED, 1024);
      ledger.add(1, Quantity.WAIT_NANOS, 4_096_000);
      ledger.endToken(10_000_000);
    }
    Summary summary = Summary.of(ledger);
    assertEquals(200, summary.tokens());
    assertEquals(8192, summary.bytesReadPerToken());
    assertEquals(1024, summary.bytesUsedPerToken());
    assertEquals(2, summary.requestsPerToken());
    assertEquals(4096, summary.bytesPerRequest());
    assertEquals(2.0, summary.rawMegabytesPerSecond(), 1e-9);
    assertEquals(0.5, summary.effectiveMegabytesPerSecond(), 1e-9);
    assertEquals(4.096, summary.ioMillisPerToken(), 1e-9);
    assertEquals(10, summary.millisPerToken(), 1e-9);
    assertEquals(600.0 / (600 + 18 + 197), summary.hitRate(), 1e-12);
    // 3 of 200 tokens have a third of hits: more than 1 %, so 99 % do not reach any more.
    assertEquals(3.0 / 9, summary.hitRateP99(), 1e-12);
  }

  @Test
  void aRunWithoutTokensDividesByNothing() {
    Summary summary = Summary.of(new Ledger(4));
    assertEquals(0, summary.tokens());
    assertEquals(0, summary.bytesReadPerToken());
    assertEquals(1, summary.hitRate());
    assertEquals(1, summary.hitRateP99());
    assertEquals(0, summary.rawMegabytesPerSecond());
  }
}
