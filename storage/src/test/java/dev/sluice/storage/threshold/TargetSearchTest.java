package dev.sluice.storage.threshold;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TargetSearchTest {
  @Test
  void stepsAreFoundAgainByTarget() {
    TargetSearch search = new TargetSearch(1.01, List.of(new TargetSearch.Step(0.075, 1.0129),
        new TargetSearch.Step(0.05, 1.0074), new TargetSearch.Step(0.05625, 1.010001)));
    TargetSearch back = TargetSearch.decode(search.encode());
    assertEquals(search, back);
    assertEquals(1.01, back.limit());
    assertEquals(1.010001, back.ratioAt(0.05625).orElseThrow());
    assertEquals(0.05625, back.after(0.05).orElseThrow());
    assertTrue(back.ratioAt(0.0625).isEmpty());
    assertTrue(back.after(0.075).isEmpty());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "null", "[]", "{\"limit\":\"x\"}", "{\"limit\":1,\"steps\":[3]}"})
  void otherBytesAreRefused(String json) {
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    assertThrows(IllegalArgumentException.class, () -> TargetSearch.decode(bytes));
  }
}
