package dev.sluice.engine.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TextFileTest {
  @TempDir
  Path folder;

  private static String refusal(Path file, long limitBytes) {
    return assertThrows(BadInputException.class, () -> TextFile.read(file, limitBytes))
        .getMessage();
  }

  @Test
  void readsTextUnchanged() throws IOException {
    String text = "\uFEFFa\0\r\n\u00e9 \uD83D\uDE00\n\r";
    Path file = Files.writeString(folder.resolve("text"), text);
    assertEquals(text, TextFile.read(file));
    assertEquals("", TextFile.read(Files.createFile(folder.resolve("empty"))));
  }

  @ParameterizedTest
  @CsvSource({
    "616263e9, 3, E9",
    "61c0af, 1, C0",
    "e282, 0, E2",
    "f09f9880f09f98, 4, F0",
    "eda080, 0, ED",
    "80, 0, 80",
    "6161f4908080, 2, F4",
    "ff, 0, FF",
    "e0809f, 0, E0"
  })
  void namesFileAndOffsetOfWhatIsNotUtf8(String hex, int offset, String first) throws IOException {
    Path file = Files.write(folder.resolve("latin1.txt"), HexFormat.of().parseHex(hex));
    String message = refusal(file, 100);
    assertTrue(message.startsWith(file + ": "), message);
    assertTrue(message.contains("byte offset " + offset + " (0x" + first + ")"), message);
  }

  @Test
  void acceptsExactlyWhatAStrictDecoderAccepts() {
    Random random = new Random(12);
    int valid = 0;
    for (int i = 0; i < 20_000; i++) {
      byte[] bytes =
          TokenizerFixture.randomText(random, random.nextInt(4)).getBytes(StandardCharsets.UTF_8);
      if (bytes.length > 0 && random.nextBoolean()) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
      boolean strict = true;
      try {
        StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      } catch (CharacterCodingException e) {
        strict = false;
      }
      assertEquals(strict, Utf8.firstMalformed(bytes) < 0, () -> HexFormat.of().formatHex(bytes));
      valid += strict ? 1 : 0;
    }
    assertTrue(valid > 5000 && valid < 19_000, valid + " valid");
  }

  @Test
  void limitIsExact() throws IOException {
    Path file = Files.write(folder.resolve("ten"), "0123456789".getBytes(StandardCharsets.UTF_8));
    assertEquals("0123456789", TextFile.read(file, 10));
    assertTrue(refusal(file, 9).contains("limit for texts of 9 bytes"));
  }

  @Test
  void missingFilesAndFoldersAreTheUsersToFix() {
    assertTrue(refusal(folder.resolve("none"), 10).contains("no such file"));
    assertTrue(refusal(folder, 10).contains("folder"));
  }
}
