package dev.sluice.engine.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.node.ObjectNode;

/** What is encoded comes back to the last character, whatever it is. */
class TokenizerRoundTripTest {
  private final Tokenizer twin = TokenizerFixture.twin();

  @ParameterizedTest
  @ValueSource(strings = {"calibration.txt", "search.txt", "held-out.txt"})
  void corporaComeBack(String name) {
    String text = TextFile.read(TokenizerFixture.MODELS.resolve(name));
    int[] ids = twin.encode(text);
    assertEquals(text, twin.decode(ids));
    assertTrue(
        ids.length < text.length() / 2, "prose takes fewer than one token for two characters");
  }

  @ParameterizedTest
  @EnumSource(SpecialTokens.class)
  void randomUnicodeComesBack(SpecialTokens special) {
    Random random = new Random(42);
    for (int i = 0; i < 3000; i++) {
      String text = TokenizerFixture.randomText(random, random.nextInt(40));
      assertEquals(text, twin.decode(twin.encode(text, special)), () -> "seed 42: " + text);
    }
  }

  @Test
  void everyCodePointComesBack() {
    StringBuilder all = new StringBuilder();
    for (int c = 0; c <= Character.MAX_CODE_POINT; c += c < 0x3000 ? 1 : 37) {
      if (c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE) {
        all.appendCodePoint(c);
      }
    }
    assertEquals(all.toString(), twin.decode(twin.encode(all.toString())));
  }

  @Test
  void normalisingTokenizerGivesNormalFormC() {
    ObjectNode json = TokenizerFixture.twinJson();
    json.putObject("normalizer").put("type", "NFC");
    Tokenizer normalising = TokenizerFixture.parse(json);
    Random random = new Random(7);
    for (int i = 0; i < 500; i++) {
      String text = TokenizerFixture.randomText(random, 20);
      assertEquals(
          Normalizer.normalize(text, Normalizer.Form.NFC),
          normalising.decode(normalising.encode(text)));
    }
  }

  @Test
  void streamedTokensGiveTheSameText() {
    String text = TokenizerFixture.randomText(new Random(3), 2000);
    Utf8Stream stream = new Utf8Stream();
    StringBuilder shown = new StringBuilder();
    for (int id : twin.encode(text)) {
      String more = stream.push(twin.bytesOf(id));
      assertEquals(-1, Utf8.firstLoneSurrogate(more));
      shown.append(more);
    }
    assertEquals(text, shown.append(stream.flush()).toString());
  }

  @Test
  void specialTokensAreTextUnlessAskedFor() {
    String text = "a<|endoftext|>b";
    int end = twin.idOf("<|endoftext|>").orElseThrow();
    assertEquals(0, end);
    assertTrue(twin.isSpecial(end));
    int[] parsed = twin.encode(text, SpecialTokens.PARSE);
    assertArrayEquals(
        new int[] {twin.idOf("a").orElseThrow(), 0, twin.idOf("b").orElseThrow()}, parsed);
    for (int id : twin.encode(text)) {
      assertTrue(id != end);
    }
    assertEquals("<|endoftext|>", twin.decode(new int[] {0}));
  }

  @Test
  void emptyTextHasNoTokens() {
    assertEquals(0, twin.encode("").length);
    assertEquals("", twin.decode(new int[0]));
  }

  @Test
  void halfASurrogatePairIsRefused() {
    for (String text : List.of("ab\uD83D", "\uDE00", "\uD83Dx", "\uD83D\uD83D\uDE00")) {
      String message = assertThrows(BadInputException.class, () -> twin.encode(text)).getMessage();
      assertTrue(message.contains("surrogate"), message);
    }
  }

  @Test
  void longWordsWithoutSpacesComeBack() {
    for (String unit : List.of("a", "ab", "\u00e9", "\uD83D\uDE00", " ", "1")) {
      String text = unit.repeat(100_000);
      assertEquals(text, twin.decode(twin.encode(text)));
    }
  }

  @Test
  void bytesBelongToTheCaller() {
    int id = twin.idOf("he").orElseThrow();
    twin.bytesOf(id)[0] = 'X';
    assertEquals("he", twin.decode(new int[] {id}));
    assertEquals(0, twin.bytesOf(1_000_000).length);
    assertThrows(IllegalArgumentException.class, () -> twin.bytesOf(-1));
  }

  @Test
  void threadsShareOneTokenizer() throws InterruptedException, ExecutionException {
    String text = TextFile.read(TokenizerFixture.MODELS.resolve("search.txt"));
    int[] alone = twin.encode(text);
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<int[]>> all = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        all.add(threads.submit(() -> twin.encode(text)));
      }
      for (Future<int[]> one : all) {
        assertArrayEquals(alone, one.get());
      }
    }
  }
}
