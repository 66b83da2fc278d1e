package dev.sluice.bundler.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.tensor.TensorType;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RequantisationTest {
  @Test
  void partsAreReadAndSpeltOut() {
    Requantisation choice = Requantisation.parse(List.of("down=q4_0:128", "up=q8_0"));
    assertEquals(Optional.empty(), choice.gate());
    assertEquals(Optional.of(TensorType.Q8_0), choice.up());
    assertEquals(Optional.of(new Requantisation.Columns(TensorType.Q4_0, 128)), choice.down());
    assertEquals("up=q8_0,down=q4_0:128", choice.toString());
    assertEquals(32, Requantisation.parse(List.of("down=q4_1")).down().orElseThrow()
        .blockNeurons());
    assertTrue(Requantisation.parse(List.of()).isNone());
    Requantisation moved = Requantisation.parse(List.of()).withResidentGate();
    assertFalse(moved.isNone());
    assertFalse(moved.changesTypes());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "down", "down=", "down=q5_k", "side=q4_0", "up=q4_0:64", "down=q4_0:0",
        "down=q4_0:-1", "down=q4_0:99999", "down=q4_0:1025", "DOWN=q4_0"})
  void anythingElseIsRefusedByName(String part) {
    BadInputException error =
        assertThrows(BadInputException.class, () -> Requantisation.parse(List.of(part)));
    assertTrue(error.getMessage().contains("--quant " + part), error.getMessage());
  }

  @Test
  void aPartIsNamedOnce() {
    assertThrows(BadInputException.class,
        () -> Requantisation.parse(List.of("up=q4_0", "up=q8_0")));
  }
}
