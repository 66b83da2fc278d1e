package dev.sluice.bundler.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.NormKind;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.tensor.TensorType;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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
    ModelSpec tied = spec(HeadKind.TIED, 64, 16);
    ModelSpec separate = spec(HeadKind.SEPARATE, 64, 16);
    assertEquals(Optional.of(TensorType.Q4_0), of(choice, "layers.11.attention.k.weight", tied));
    assertEquals(Optional.empty(), of(choice, "layers.11.attention.k.bias", tied));
    assertEquals(Optional.empty(), of(choice, "layers.11.attention.q_norm.weight", tied));
    assertEquals(Optional.of(TensorType.Q8_0), of(choice, "head", separate));
    assertEquals(Optional.empty(), of(choice, "embed", separate));
    assertEquals(Optional.of(TensorType.Q8_0), of(choice, "embed", tied));
  }

  /** Encoded again it would only be worse, and its source would no longer have its bytes. */
  @Test
  void aMatrixThatHasTheTypeStaysAsItIs() {
    Requantisation choice = Requantisation.parse(List.of("attention=q4_0"));
    DenseTensor q = new DenseTensor("layers.0.attention.q.weight", TensorType.Q4_0,
        List.of(64, 64), 0, 64 * 36);
    assertEquals(Optional.empty(), choice.ofMatrix(q, spec(HeadKind.TIED, 64, 16)));
  }

  @ParameterizedTest
  @CsvSource({"attention=q4_0, 48, 16", "attention=q4_0, 64, 12", "head=q8_0, 48, 16"})
  void rowsThatAreNoWholeNumberOfBlocksAreRefused(String part, int hidden, int headSize) {
    Requantisation choice = Requantisation.parse(List.of(part));
    BadInputException error = assertThrows(BadInputException.class,
        () -> choice.applyTo(spec(HeadKind.TIED, hidden, headSize)));
    assertTrue(error.getMessage().contains("no whole number of blocks"), error.getMessage());
  }

  private static Optional<TensorType> of(Requantisation choice, String tensor, ModelSpec spec) {
    return choice.ofMatrix(new DenseTensor(tensor, TensorType.F16, List.of(64, 64), 0, 8192), spec);
  }

  /** Of four heads. */
  private static ModelSpec spec(HeadKind head, int hidden, int headSize) {
    return new ModelSpec("llama", 12, hidden, 128, 4, 4, headSize, 64, 64, NormKind.RMS, 1e-5f,
        Activation.RELU, FfnForm.UNGATED, new Rope(10_000, headSize, Scaling.NONE), head,
        BundleFormat.of(TensorType.F16), List.of());
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
