package dev.sluice.engine.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Utf8StreamTest {

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex);
  }

  @Test
  void keepsUnfinishedCharactersBack() {
    Utf8Stream stream = new Utf8Stream();
    assertEquals("a", stream.push(bytes("61f0")));
    assertEquals("", stream.push(bytes("9f98")));
    assertEquals("", stream.push(new byte[0]));
    assertEquals("\uD83D\uDE00b", stream.push(bytes("8062")));
    assertEquals("", stream.flush());
    assertEquals("", stream.push(bytes("e282")));
    assertEquals("\uFFFD", stream.flush());
    assertEquals("", stream.flush());
    assertEquals("\uFFFD", stream.push(bytes("ac"))); // what was flushed is forgotten
  }

  @Test
  void impossibleBytesAreNotKept() {
    Utf8Stream stream = new Utf8Stream();
    assertEquals("\uFFFD", stream.push(bytes("c0")));
    assertEquals(
        "\uFFFD\uFFFD", stream.push(bytes("eda0"))); // a surrogate, known from its second byte
    assertEquals("", stream.push(bytes("f48f")));
    assertEquals("\uFFFDx", stream.push(bytes("78")));
  }

  /** Unicode Standard, section 3.9, tables 3-8 to 3-11. */
  @ParameterizedTest
  @CsvSource({
    "c0afe080bff0818241, 8 A",
    "eda080edbfbfedaf41, 8 A",
    "f4919293ff4180bf42, 5 A 2 B",
    "e180e2f09192f1bf41, 4 A"
  })
  void replacesMaximalSubparts(String hex, String expected) {
    StringBuilder text = new StringBuilder();
    for (String part : expected.split(" ")) {
      text.append(
          Character.isDigit(part.charAt(0)) ? "\uFFFD".repeat(Integer.parseInt(part)) : part);
    }
    Utf8Stream stream = new Utf8Stream();
    assertEquals(text.toString(), stream.push(bytes(hex)) + stream.flush());
  }

  @Test
  void anySplitOfAnyBytesDecodesLikeTheWhole() {
    Random random = new Random(99);
    byte[] likely = bytes("00417fc0c2dfe0e1edeff0f1f3f4f5ff808f909fa0bf");
    int compared = 0;
    for (int round = 0; round < 20_000; round++) {
      byte[] all;
      if (round % 2 == 0) {
        all =
            TokenizerFixture.randomText(random, random.nextInt(12))
                .getBytes(StandardCharsets.UTF_8);
        for (int n = random.nextInt(3); n > 0 && all.length > 0; n--) {
          all[random.nextInt(all.length)] = (byte) random.nextInt(256);
        }
      } else {
        all = new byte[random.nextInt(40)];
        for (int i = 0; i < all.length; i++) {
          all[i] = likely[random.nextInt(likely.length)];
        }
      }
      Utf8Stream stream = new Utf8Stream();
      StringBuilder text = new StringBuilder();
      for (int at = 0; at < all.length;) {
        int end = Math.min(all.length, at + random.nextInt(6));
        String more = stream.push(Arrays.copyOfRange(all, at, end));
        assertEquals(-1, Utf8.firstLoneSurrogate(more));
        text.append(more);
        at = end;
      }
      text.append(stream.flush());
      String hex = HexFormat.of().formatHex(all);
      assertEquals(stream.push(all) + stream.flush(), text.toString(), hex);
      if (!hex.matches(
          "(..)*ed[ab].*")) { // Java's decoder takes an encoded surrogate for one error, not for
        // three
        assertEquals(new String(all, StandardCharsets.UTF_8), text.toString(), hex);
        compared++;
      }
    }
    assertTrue(compared > 10_000, compared + " compared with Java's decoder");
  }
}
