package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.engine.session.PredictorChoice.Kind;
import dev.sluice.storage.BadInputException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PredictorChoiceTest {
  @ParameterizedTest
  @CsvSource({"certified-4,4,0", "certified-8,8,0", "certified-6@1.0E-18,6,1e-18",
    "certified-5@0.25,5,0.25"})
  void certifiedCopiesAreNamedWithTheirProbability(String name, int bits, double delta) {
    PredictorChoice choice = PredictorChoice.parse(name);
    assertEquals(Kind.CERTIFIED, choice.kind());
    assertEquals(bits, choice.bits());
    assertEquals(delta, choice.delta());
    assertEquals(name, choice.toString());
    assertEquals("certified-" + bits, choice.stored());
    assertEquals(choice, PredictorChoice.parse(choice.toString()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"certified-3", "certified-4@0", "certified-4@1", "certified-4@2e3",
    "certified-4@1e-999",
    "certified-4@", "certified-4@.", "certified-4@1.2.3", "quantised-4@1e-9", "early-certified-4",
    "ahead-certified-4",
    "ahead-quantised-4", "early-ahead-low-rank-8"})
  void whatIsNoneIsRefused(String name) {
    assertThrows(BadInputException.class, () -> PredictorChoice.parse(name));
  }
}
