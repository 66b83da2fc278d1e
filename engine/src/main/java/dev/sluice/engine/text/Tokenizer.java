package dev.sluice.engine.text;

import dev.sluice.engine.text.AddedTokens.Added;
import dev.sluice.storage.BadInputException;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * BPE as a checkpoint's {@code tokenizer.json} (Hugging Face, version 1.0) defines it, byte-level or
 * of characters with byte fallback (SentencePiece): text to token ids and back. Where every byte has a
 * token, as in nearly all vocabularies, any text can be encoded and comes back exactly, in normal
 * form C if the tokenizer normalises; bytes without one are dropped. Immutable and thread-safe.
 *
 * <p>Supported: model BPE; pre-tokenizer ByteLevel, or a Sequence of Split and Digits that ends in
 * ByteLevel; normalizer none or NFC; post-processor none, ByteLevel or a template that puts tokens
 * before the text. With byte_fallback: no pre-tokenizer, and a normalizer that writes spaces as
 * U+2581 and may put one before the text. Anything else is refused when the file is read.
 */
public final class Tokenizer {
  private static final int MAX_CACHED_CHARACTERS = 64;
  private static final int MAX_CACHED_PIECES = 1 << 15; // about 4 MB while one text is encoded

  /** What the tokenizer does to text before it looks for pieces. */
  enum Normalisation {
    NONE,
    NFC
  }

  /** How spaces are written before pieces are looked for. */
  enum Spaces {
    KEPT,
    /** As U+2581. */
    MARKED,
    /** As U+2581, and one more is put before text at the beginning and after each added token. */
    PREFIXED
  }

  /** What SentencePiece writes for a space. */
  static final char SPACE_MARK = '\u2581';

  /**
   * What {@link TokenizerReader} found.
   *
   * @param ids all tokens by spelling, added ones included
   * @param wholePieces tokens that a piece may become without merging (ignore_merges); empty
   *     otherwise
   * @param bytes by id; empty where an id has no token
   */
  record Parts(
      Map<String, Integer> ids,
      Map<String, Integer> wholePieces,
      byte[][] bytes,
      List<Added> added,
      Normalisation normalisation,
      Spaces spaces,
      AddedTokens raw,
      AddedTokens normalised,
      PreTokenizer preTokenizer,
      Alphabet alphabet,
      MergeTable merges,
      List<Integer> beginning) {}

  private final Parts parts;
  private final BitSet special = new BitSet();

  Tokenizer(Parts parts) {
    this.parts = parts;
    for (Added token : parts.added) {
      special.set(token.id(), token.kind() == AddedTokens.Kind.SPECIAL);
    }
  }

  /**
   * Reads and checks a tokenizer.
   *
   * @param tokenizerJson the whole file, at most 128 MiB
   * @param source the file's name, for messages
   * @throws BadInputException when the file is damaged or asks for something that is not supported;
   *     the message says what it is and what is supported
   */
  public static Tokenizer parse(byte[] tokenizerJson, String source) {
    return new TokenizerReader(tokenizerJson, source).read();
  }

  /** {@link #encode(String, SpecialTokens)} with special tokens taken for plain text. */
  public int[] encode(String text) {
    return encode(text, SpecialTokens.PLAIN);
  }

  /**
   * The ids of {@code text}, without {@link #beginning()}. Added tokens that are not special are
   * always recognised.
   *
   * @throws BadInputException when {@code text} holds half of a surrogate pair and so is not valid
   *     Unicode
   */
  public int[] encode(String text, SpecialTokens specialTokens) {
    int lone = Utf8.firstLoneSurrogate(text);
    if (lone >= 0) {
      throw new BadInputException(
          "text",
          "half of a surrogate pair stands alone at character " + lone,
          "give text that is valid Unicode");
    }
    Encoding encoding = new Encoding(text.length());
    parts.raw.split(
        text,
        specialTokens,
        (id, part) -> {
          if (id != AddedTokens.TEXT) {
            encoding.ids.add(id);
          } else {
            parts.normalised.split(normalise(part), specialTokens, encoding::add);
          }
        });
    return encoding.ids.from(0);
  }

  private String normalise(String text) {
    String form =
        switch (parts.normalisation) {
          case NONE -> text;
          case NFC -> Normalizer.normalize(text, Normalizer.Form.NFC);
        };
    return switch (parts.spaces) {
      case KEPT -> form;
      case MARKED -> form.replace(' ', SPACE_MARK);
      case PREFIXED -> SPACE_MARK + form.replace(' ', SPACE_MARK);
    };
  }

  /**
   * A copy of the bytes that token {@code id} stands for; none for ids above 0 that have no token,
   * as models pad theirs.
   */
  public byte[] bytesOf(int id) {
    if (id < 0) {
      throw new IllegalArgumentException("token id " + id);
    }
    return id < parts.bytes.length ? parts.bytes[id].clone() : new byte[0];
  }

  /**
   * The text of all {@code ids}, special tokens included; bytes that are not UTF-8 become U+FFFD,
   * as in {@link Utf8Stream}. A space that {@link #encode} put before a text is taken off.
   */
  public String decode(int[] ids) {
    Utf8Stream stream = new Utf8Stream();
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(stream.push(bytesOf(id)));
    }
    text.append(stream.flush());
    boolean prefixed =
        parts.spaces == Spaces.PREFIXED && !text.isEmpty() && text.charAt(0) == ' ';
    return text.substring(prefixed ? 1 : 0);
  }

  /** One more than the largest id. A model's vocabulary may be larger, never smaller. */
  public int vocabularySize() {
    return parts.bytes.length;
  }

  /** The id of the token spelled so in {@code tokenizer.json}, such as {@code <|endoftext|>}. */
  public Optional<Integer> idOf(String token) {
    return Optional.ofNullable(parts.ids.get(token));
  }

  /** Whether {@code id} is a special token, which is not part of the text it stands in. */
  public boolean isSpecial(int id) {
    return special.get(id);
  }

  /**
   * Ids that the model expects before every text, such as its beginning-of-text token; often none.
   */
  public int[] beginning() {
    return parts.beginning.stream().mapToInt(Integer::intValue).toArray();
  }

  /**
   * The work on one text: its ids so far, and the pieces that it has seen, because words repeat.
   */
  private final class Encoding {
    private final IdList ids;
    private final PieceMerger merger = new PieceMerger(parts.alphabet, parts.merges);
    private final Map<String, int[]> seen = new HashMap<>();

    Encoding(int characters) {
      ids = new IdList(characters / 3);
    }

    void add(int id, String part) {
      if (id != AddedTokens.TEXT) {
        ids.add(id);
      } else {
        parts.preTokenizer.split(part, this::addPiece);
      }
    }

    private void addPiece(CharSequence text, int start, int end) {
      if (end - start > MAX_CACHED_CHARACTERS) {
        merge(text, start, end);
        return;
      }
      String piece = text.subSequence(start, end).toString();
      int[] known = seen.get(piece);
      if (known != null) {
        ids.addAll(known);
        return;
      }
      int before = ids.size();
      merge(text, start, end);
      if (seen.size() < MAX_CACHED_PIECES) {
        seen.put(piece, ids.from(before));
      }
    }

    private void merge(CharSequence text, int start, int end) {
      byte[] utf8 = text.subSequence(start, end).toString().getBytes(StandardCharsets.UTF_8);
      if (!parts.wholePieces.isEmpty()) {
        Integer whole = parts.wholePieces.get(ByteAlphabet.spell(utf8));
        if (whole != null) {
          ids.add(whole);
          return;
        }
      }
      merger.merge(utf8, ids);
    }
  }
}
