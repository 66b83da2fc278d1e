package dev.sluice.engine.sample;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SamplingOptionsTest {

  @ParameterizedTest
  @CsvSource({
    "-0.1, 0, 1, 0, --temp", "NaN, 0, 1, 0, --temp", "Infinity, 0, 1, 0, --temp",
    "1, -1, 1, 0, --top-k",
    "1, 0, 0, 0, --top-p", "1, 0, 1.01, 0, --top-p", "1, 0, NaN, 0, --top-p",
    "1, 0, 1, -0.1, --min-p",
    "1, 0, 1, 1.1, --min-p", "1, 0, 1, NaN, --min-p"
  })
  void namesTheFlagAtFault(double temperature, int topK, double topP, double minP, String flag) {
    String message =
        assertThrows(
            BadInputException.class,
            () -> new SamplingOptions(temperature, topK, topP, minP, 1))
            .getMessage();
    assertTrue(message.startsWith(flag + ": "), message);
  }

  @Test
  void edgesAreAllowed() {
    assertEquals(0, new SamplingOptions(0, 0, 1, 0, -1).temperature());
    assertEquals(1, new SamplingOptions(1000, Integer.MAX_VALUE, 1e-9, 1, 0).minP());
    assertEquals(0, SamplingOptions.greedy().temperature());
    assertEquals(40, SamplingOptions.usual(5).topK());
  }
}
