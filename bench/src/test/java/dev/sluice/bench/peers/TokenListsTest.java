package dev.sluice.bench.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenListsTest {
  @TempDir
  private Path folder;

  @Test
  void readsBothLists() throws IOException {
    TokenLists lists = read("{\"continuation_ids\": [7, 8, 9], \"prompt_ids\": [1, 2]}");
    assertEquals(new TokenLists(List.of(1, 2), List.of(7, 8, 9)), lists);
    assertEquals(new TokenLists(List.of(1), List.of(7, 8)), lists.first(1, 2));
  }

  @Test
  void takesTheFirstOfSeveralLists() throws IOException {
    assertEquals(new TokenLists(List.of(1), List.of(2)), read(
        "{\"lists\": [{\"prompt_ids\": [1], \"continuation_ids\": [2]}, {\"prompt_ids\": [3]}]}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {
    "", "[", "[]", "{}", "{\"lists\": []}",
    "{\"prompt_ids\": [1]}",
    "{\"prompt_ids\": [], \"continuation_ids\": [1]}",
    "{\"prompt_ids\": [1.5], \"continuation_ids\": [1]}",
    "{\"prompt_ids\": [-1], \"continuation_ids\": [1]}",
    "{\"prompt_ids\": [4294967296], \"continuation_ids\": [1]}",
    "{\"prompt_ids\": [\"1\"], \"continuation_ids\": [1]}"
  })
  void saysInOneLineWhatIsWrong(String json) {
    BadInputException bad = assertThrows(BadInputException.class, () -> read(json));
    assertTrue(bad.getMessage().startsWith(folder.resolve("tokens.json") + ": "), bad::getMessage);
    assertEquals(1, bad.getMessage().lines().count());
  }

  @Test
  void refusesToInventTokens() throws IOException {
    TokenLists lists = new TokenLists(List.of(1, 2), List.of(3));
    assertThrows(BadInputException.class, () -> lists.first(3, 1));
    assertThrows(BadInputException.class, () -> lists.first(2, 2));
    assertThrows(BadInputException.class, () -> lists.first(0, 1));
  }

  private TokenLists read(String json) throws IOException {
    Path file = folder.resolve("tokens.json");
    Files.writeString(file, json);
    return TokenLists.read(file);
  }
}
