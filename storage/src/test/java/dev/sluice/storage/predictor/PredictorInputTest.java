package dev.sluice.storage.predictor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What a name says of what a predictor looks at; stores are fitted to it and do not say it again. */
class PredictorInputTest {
  @Test
  void namesTell() {
    assertEquals(PredictorInput.FFN, PredictorInput.of("low-rank-64"));
    assertEquals(PredictorInput.BLOCK, PredictorInput.of("early-trained-64"));
    assertEquals(PredictorInput.PREVIOUS_FFN, PredictorInput.of("ahead-low-rank-64"));
    for (PredictorInput input : PredictorInput.values()) {
      assertEquals(input, PredictorInput.of(input.prefix() + "low-rank-64"));
    }
  }

  @Test
  void theFirstTwoLayersHaveTooLittleBeforeThem() {
    List<PredictorInput> ahead =
        IntStream.range(0, 5).mapToObj(PredictorInput.PREVIOUS_FFN::at).toList();
    assertEquals(List.of(PredictorInput.BLOCK, PredictorInput.BLOCK, PredictorInput.PREVIOUS_FFN,
        PredictorInput.PREVIOUS_FFN, PredictorInput.PREVIOUS_FFN), ahead);
    assertEquals(PredictorInput.BLOCK, PredictorInput.BLOCK.at(3));
    assertEquals(PredictorInput.FFN, PredictorInput.FFN.at(0));
  }
}
