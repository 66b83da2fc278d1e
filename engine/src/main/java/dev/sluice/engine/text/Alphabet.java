package dev.sluice.engine.text;

import java.util.Map;

/** The symbols that a piece of text consists of before any merge. Immutable and thread-safe. */
sealed interface Alphabet {
  /** In place of an id, for a byte that the vocabulary lacks. */
  int NONE = -1;

  /**
   * Writes the ids of the first symbols.
   *
   * @param utf8 the piece, well-formed
   * @param ids room for one id per byte
   * @return how many there are
   */
  int spell(byte[] utf8, int[] ids);

  /**
   * Every byte is a symbol: byte-level BPE. A byte that has none ({@link #NONE}) is dropped, as other readers of these
   * vocabularies do.
   */
  record Bytes(int[] idOfByte) implements Alphabet {
    @Override
    public int spell(byte[] utf8, int[] ids) {
      int count = 0;
      for (byte b : utf8) {
        int id = idOfByte[b & 0xff];
        if (id != NONE) {
          ids[count++] = id;
        }
      }
      return count;
    }
  }

  /**
   * Every character is a symbol if the vocabulary has it, otherwise its bytes are, by tokens of their own: SentencePiece
   * with byte fallback (Kudo and Richardson 2018).
   */
  record Characters(Map<Integer, Integer> idOfCharacter, int[] idOfByte) implements Alphabet {
    public Characters {
      idOfCharacter = Map.copyOf(idOfCharacter);
    }

    @Override
    public int spell(byte[] utf8, int[] ids) {
      int count = 0;
      for (int at = 0; at < utf8.length;) {
        int length = Utf8.sequenceBytes(utf8, at, utf8.length);
        Integer id = idOfCharacter.get(Utf8.codePoint(utf8, at, length));
        if (id != null) {
          ids[count++] = id;
        } else {
          for (int i = 0; i < length; i++) {
            ids[count++] = idOfByte[utf8[at + i] & 0xff];
          }
        }
        at += length;
      }
      return count;
    }
  }
}
