package dev.sluice.engine.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.regex.MatchResult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SplitPatternTest {

  private static List<String> matches(String oniguruma, String text) {
    return SplitPattern.translate(oniguruma)
        .matcher(text)
        .results()
        .map(MatchResult::group)
        .toList();
  }

  @Test
  void whiteSpaceIsUnicodes() {
    assertEquals(
        List.of("\u0085\u00a0\u1680\u2003\u2028\u202f\u205f\u3000"),
        matches("\\s+", "x\u0085\u00a0\u1680\u2003\u2028\u202f\u205f\u3000\u200b"));
    assertEquals(List.of("x", "\u200b\ufeff\u180e"), matches("\\S+", "x\u00a0\u200b\ufeff\u180e"));
  }

  @Test
  void caseFoldingIsUnicodes() {
    assertEquals(
        List.of("'S", "'\u017f", "'ll"), matches("(?i:'s|'LL)", "'S'\u017f'll's".substring(0, 7)));
  }

  @Test
  void numbersAndLettersAreCategories() {
    assertEquals(List.of("1\u00bd\u2167", "\u0664"), matches("\\p{N}{1,3}", "1\u00bd\u2167\u0664"));
    assertEquals(List.of("\u00e9\uD835\uDD18"), matches("\\p{L}+", "\u00e9\uD835\uDD18\u0301"));
    assertEquals(List.of("\u65e5\u672c"), matches("\\p{Han}+", "\u65e5\u672c\u3072"));
    assertEquals(List.of("0"), matches("\\d", "\u00bd0"));
  }

  @Test
  void punctuationInClassesIsLiteral() {
    assertEquals(List.of("[&-^\\]#~"), matches("[!-/:-@\\[-`{-~]+", "a[&-^\\]#~b"));
    assertEquals(List.of("-&", "^"), matches("[&^-]{1,2}", "-&^"));
    assertEquals(List.of("ab"), matches("[^\\r\\n\\p{N}\\S-]?[a-c]+", "1ab"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", "(a+)+", "(?:a|b)*", "(?:a){2}", "a{2}+", "a{2}?", "a{,3}", "a{300}", "a{3,2}", "a{x}",
        "a{", "*a", "a|*", "a**",
        "^a", "a$", ".", "\\w", "\\b", "\\1", "\\k<x>", "\\x41", "\\u12", "\\uD800", "\\p{^L}",
        "\\p{Alpha}", "\\p", "\\",
        "[", "[]", "[^]", "[a", "[[:alpha:]]", "[a&&[b]]", "[a-[b]]", "[a-\\s]", "[\\s-a]", "[b-a]",
        "(", ")", "a)", "(a",
        "(?<x>a)", "(?<=a)b", "(?>a)", "(?i)a", "(?", "(?!a)*", "(?=a)+", "}", "]"
      })
  void refusesWhatMayMeanSomethingElse(String oniguruma) {
    assertNotNull(
        assertThrows(IllegalArgumentException.class, () -> SplitPattern.translate(oniguruma))
            .getMessage());
  }

  @Test
  void refusesDeepNesting() {
    assertThrows(
        IllegalArgumentException.class,
        () -> SplitPattern.translate("(".repeat(4000) + ")".repeat(4000)));
    assertThrows(IllegalArgumentException.class, () -> SplitPattern.translate("a".repeat(10_000)));
  }
}
