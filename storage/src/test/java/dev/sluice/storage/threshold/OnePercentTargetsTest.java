package dev.sluice.storage.threshold;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class OnePercentTargetsTest {
  @Test
  void roundTrip() {
    OnePercentTargets targets =
        new OnePercentTargets(Map.of(ActiveRule.OUTPUT, 0.08125, ActiveRule.GATE, 0.05));
    OnePercentTargets back = OnePercentTargets.decode(targets.encode());
    assertEquals(OptionalDouble.of(0.08125), back.of(ActiveRule.OUTPUT));
    assertEquals(OptionalDouble.of(0.05), back.of(ActiveRule.GATE));
    assertEquals(OptionalDouble.empty(), back.of(ActiveRule.EXACT));
  }

  @Test
  void noTargetsAreStillTargets() {
    OnePercentTargets none = OnePercentTargets.decode(new OnePercentTargets(Map.of()).encode());
    assertEquals(OptionalDouble.empty(), none.of(ActiveRule.OUTPUT));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", "{", "[]", "3", "null", "{\"output\": \"much\"}", "{\"output\": -0.1}",
        "{\"output\": null}", "{\"strange\": 0.1}", "{\"output\": {}}"
      })
  void anythingElseIsRefused(String json) {
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    assertThrows(IllegalArgumentException.class, () -> OnePercentTargets.decode(bytes));
  }

  @ParameterizedTest
  @EnumSource(ActiveRule.class)
  void rulesAreFoundByWhatStandsOnDisk(ActiveRule rule) {
    assertEquals(rule, ActiveRule.ofCode(rule.code()));
    assertEquals(rule, ActiveRule.ofKey(rule.key()));
  }

  @Test
  void codesAndKeysAreFrozen() {
    assertEquals(0, ActiveRule.EXACT.code());
    assertEquals(1, ActiveRule.OUTPUT.code());
    assertEquals(2, ActiveRule.GATE.code());
    assertEquals(ActiveRule.OUTPUT, ActiveRule.ofKey("output"));
    assertThrows(IllegalArgumentException.class, () -> ActiveRule.ofCode(3));
    assertThrows(IllegalArgumentException.class, () -> ActiveRule.ofKey("Output"));
  }
}
