package dev.sluice.engine.text;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.engine.text.PreTokenizer.Behaviour;
import dev.sluice.engine.text.PreTokenizer.Prefix;
import dev.sluice.engine.text.PreTokenizer.Split;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Pieces themselves: ids hide a wrong cut wherever the vocabulary has no token across it. */
class PreTokenizerTest {

  private static Split split(String oniguruma, Behaviour behaviour, Prefix prefix) {
    return new Split(SplitPattern.translate(oniguruma), behaviour, prefix);
  }

  private static Split gpt2() {
    return split(PreTokenizer.GPT2, Behaviour.ISOLATED, Prefix.NONE);
  }

  private static List<String> pieces(String text, Split... splits) {
    List<String> pieces = new ArrayList<>();
    new PreTokenizer(List.of(splits))
        .split(text, (t, start, end) -> pieces.add(t.subSequence(start, end).toString()));
    return pieces;
  }

  @Test
  void lastSpaceGoesWithTheWord() {
    assertEquals(
        List.of("I", "'ll", "  ", " go", "\n", "\n", "1984", "!?", "  "),
        pieces("I'll   go\n\n1984!?  ", gpt2()));
  }

  @Test
  void aSplitIsBlindToItsNeighbours() {
    Split digits = split("\\p{N}", Behaviour.ISOLATED, Prefix.NONE);
    assertEquals(List.of("a", "  ", " ", "1", "2"), pieces("a   12", gpt2(), digits));
    assertEquals(List.of("a", "   ", "1", "2"), pieces("a   12", digits, gpt2()));
  }

  @Test
  void matchesMayBeDroppedOrAloneKept() {
    String words = "[a-z]+";
    assertEquals(
        List.of("ab", " ", "cd", "."),
        pieces("ab cd.", split(words, Behaviour.ISOLATED, Prefix.NONE)));
    assertEquals(List.of(" ", "."), pieces("ab cd.", split(words, Behaviour.REMOVED, Prefix.NONE)));
    assertEquals(List.of("ab", "cd"), pieces("ab cd.", split(words, Behaviour.KEPT, Prefix.NONE)));
  }

  @Test
  void everyPieceGetsItsSpace() {
    Split digits = split("\\p{N}", Behaviour.ISOLATED, Prefix.NONE);
    Split whole = new Split(null, Behaviour.ISOLATED, Prefix.SPACE);
    assertEquals(List.of(" a", " 1", " b"), pieces("a1 b", digits, whole));
    assertEquals(List.of(), pieces("", digits, whole));
  }
}
