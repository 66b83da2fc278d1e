package dev.sluice.storage.predictor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NamedSharesTest {
  @Test
  void whatIsWrittenIsRead() {
    float[] shares = {0, 0.1265f, 1};
    byte[] json = new NamedShares(Map.of("low-rank-64", shares, "all-but", new float[3])).encode();
    NamedShares read = NamedShares.decode(json, 3);
    assertArrayEquals(shares, read.of("low-rank-64").orElseThrow());
    assertTrue(read.of("low-rank-32").isEmpty());
    assertArrayEquals(json, read.encode());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "7", "{\"a\": 1}", "{\"a\": [0.5]}", "{\"a\": [0.5, 0.5, 0.5]}",
    "{\"a\": [0.5, -0.1]}", "{\"a\": [0.5, 1.1]}", "{\"a\": [0.5, \"x\"]}", "{\"a\": [0.5, null]}",
    "{\"a\": [0.5, 0.5]"})
  void anythingElseIsRefused(String json) {
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    assertThrows(IllegalArgumentException.class, () -> NamedShares.decode(bytes, 2));
    assertEquals(2, NamedShares.decode("{\"a\": [0.5, 1]}".getBytes(StandardCharsets.UTF_8), 2)
        .of("a").orElseThrow().length);
  }
}
