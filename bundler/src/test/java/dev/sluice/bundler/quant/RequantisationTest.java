package dev.sluice.bundler.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.ModelSpec.HeadKind;
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
    assertEquals(Requantisation.NONE, Requantisation.parse(List.of()));
    Requantisation moved = Requantisation.parse(List.of()).withResidentGate();
    assertTrue(moved.changesBundles());
    assertFalse(moved.changesTypes());
  }

  @Test
  void residentMatricesAreParts() {
    Requantisation choice = Requantisation.parse(List.of("head=q8_0", "attention=q4_0"));
    assertEquals("attention=q4_0,head=q8_0", choice.toString());
    assertTrue(choice.changesTypes());
    assertFalse(choice.changesBundles());
    assertEquals(Optional.of(TensorType.Q4_0),
        choice.ofMatrix("layers.11.attention.k.weight", HeadKind.TIED));
    assertEquals(Optional.empty(), choice.ofMatrix("layers.11.attention.k.bias", HeadKind.TIED));
    assertEquals(Optional.empty(),
        choice.ofMatrix("layers.11.attention.q_norm.weight", HeadKind.TIED));
    assertEquals(Optional.of(TensorType.Q8_0), choice.ofMatrix("head", HeadKind.SEPARATE));
    assertEquals(Optional.empty(), choice.ofMatrix("embed", HeadKind.SEPARATE));
    assertEquals(Optional.of(TensorType.Q8_0), choice.ofMatrix("embed", HeadKind.TIED));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "down", "down=", "down=q5_k", "side=q4_0", "up=q4_0:64", "down=q4_0:0",
        "down=q4_0:-1", "attention=q4_0:64", "head=f16", "down=q4_0:99999", "down=q4_0:1025",
        "DOWN=q4_0"})
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
