package dev.sluice.engine.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** SentencePiece's spelling: characters with byte fallback, spaces marked. */
class ByteFallbackTest {
  private static final String MARK = "\u2581";
  private static final int FIRST_BYTE = 3; // after <unk>, <s>, </s>

  /** In order of rank; each is made of two earlier pieces or characters. */
  private static final List<String> MERGED =
      List.of(MARK + "t", "he", MARK + "the", "in", "er", MARK + "a", MARK + MARK, "\u4f60\u597d",
          "the");

  private static final List<String[]> MERGES =
      List.of(
          new String[] {MARK, "t"}, new String[] {"h", "e"}, new String[] {MARK + "t", "he"},
          new String[] {"i", "n"}, new String[] {"e", "r"}, new String[] {MARK, "a"},
          new String[] {MARK, MARK}, new String[] {"\u4f60", "\u597d"}, new String[] {"t", "he"});

  private static List<String> pieces() {
    List<String> pieces = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
    for (int b = 0; b < 256; b++) {
      pieces.add("<0x%02X>".formatted(b));
    }
    pieces.addAll(MERGED);
    (MARK + "abcdefghijklmnopqrstuvwxyz\u4f60\u597d\u00e9")
        .codePoints()
        .forEach(c -> pieces.add(Character.toString(c)));
    return pieces;
  }

  private static ObjectNode json(boolean prefixed) {
    ObjectNode json = TokenizerFixture.MAPPER.createObjectNode();
    ArrayNode added = json.putArray("added_tokens");
    for (int id = 0; id < 3; id++) {
      ObjectNode token = added.addObject();
      token.put("id", id).put("content", pieces().get(id)).put("special", true);
      token.put("normalized", false);
    }
    ArrayNode normalizers = json.putObject("normalizer").put("type", "Sequence")
        .putArray("normalizers");
    if (prefixed) {
      normalizers.addObject().put("type", "Prepend").put("prepend", MARK);
    }
    ObjectNode replace = normalizers.addObject().put("type", "Replace").put("content", MARK);
    replace.putObject("pattern").put("String", " ");
    ObjectNode model = json.putObject("model").put("type", "BPE").put("byte_fallback", true);
    ObjectNode vocabulary = model.putObject("vocab");
    for (int id = 0; id < pieces().size(); id++) {
      vocabulary.put(pieces().get(id), id);
    }
    ArrayNode merges = model.putArray("merges");
    for (String[] pair : MERGES) {
      merges.addArray().add(pair[0]).add(pair[1]);
    }
    return json;
  }

  /** SentencePiece's own way: of all neighbours whose union is a piece, join the one of best score, leftmost first. */
  private static int[] naive(String text) {
    List<String> symbols = new ArrayList<>();
    text.replace(" ", MARK).codePoints().forEach(c -> symbols.add(Character.toString(c)));
    while (true) {
      int best = -1;
      int rank = MERGED.size();
      for (int i = 0; i + 1 < symbols.size(); i++) {
        int r = MERGED.indexOf(symbols.get(i) + symbols.get(i + 1));
        if (r >= 0 && r < rank) {
          best = i;
          rank = r;
        }
      }
      if (best < 0) {
        break;
      }
      symbols.set(best, symbols.get(best) + symbols.remove(best + 1));
    }
    List<Integer> ids = new ArrayList<>();
    for (String symbol : symbols) {
      int id = pieces().indexOf(symbol);
      if (id >= 0) {
        ids.add(id);
      } else {
        for (byte b : symbol.getBytes(StandardCharsets.UTF_8)) {
          ids.add(FIRST_BYTE + (b & 0xff));
        }
      }
    }
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  @Test
  void joinsAsSentencePieceDoes() {
    Tokenizer tokenizer = TokenizerFixture.parse(json(false));
    Random random = new Random(11);
    String[] parts = {
      " the", "the", " ", "  ", "her", "in", "a", "t", "h", "e", "\u4f60", "\u597d", "Z", "\n",
      "\u00e9", "\u00e8", "\uD83D\uDE80", "\u2581", "<0x41>", "</s>"
    };
    for (int i = 0; i < 2000; i++) {
      StringBuilder text = new StringBuilder();
      for (int k = random.nextInt(12); k >= 0; k--) {
        text.append(parts[random.nextInt(parts.length)]);
      }
      assertArrayEquals(naive(text.toString()), tokenizer.encode(text.toString()),
          () -> "seed 11: " + text);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void textComesBack(boolean prefixed) {
    Tokenizer tokenizer = TokenizerFixture.parse(json(prefixed));
    Random random = new Random(12);
    for (int i = 0; i < 500; i++) {
      // The mark itself is the one character that comes back as a space.
      String text = TokenizerFixture.randomText(random, 20).replace('\u2581', '-');
      assertEquals(text, tokenizer.decode(tokenizer.encode(text)), "seed 12");
    }
    assertEquals(prefixed, tokenizer.encode("the").length == 1
        && tokenizer.encode("the")[0] == pieces().indexOf(MARK + "the"));
  }

  @Test
  void aSpaceIsPutAfterEachSpecialTokenToo() {
    Tokenizer tokenizer = TokenizerFixture.parse(json(true));
    int the = pieces().indexOf(MARK + "the");
    assertArrayEquals(new int[] {1, the, 2, the},
        tokenizer.encode("<s>the</s>the", SpecialTokens.PARSE));
    assertArrayEquals(new int[0], tokenizer.encode(""));
  }

  @Test
  void whatWouldBeIgnoredIsRefused() {
    ObjectNode noSpaces = json(false);
    noSpaces.remove("normalizer");
    ObjectNode split = json(false);
    split.putObject("pre_tokenizer").put("type", "Metaspace").put("replacement", MARK);
    ObjectNode noByte = json(false);
    ((ObjectNode) noByte.get("model").get("vocab")).remove("<0x0A>");
    ObjectNode whole = json(false);
    ((ObjectNode) whole.get("model")).put("ignore_merges", true);
    ObjectNode decoder = json(false);
    decoder.putObject("decoder").put("type", "ByteLevel");
    for (ObjectNode broken : List.of(noSpaces, split, noByte, whole, decoder)) {
      String message =
          assertThrows(BadInputException.class, () -> TokenizerFixture.parse(broken)).getMessage();
      assertTrue(message.startsWith("tokenizer.json") && !message.contains("\n"), message);
    }
  }
}
