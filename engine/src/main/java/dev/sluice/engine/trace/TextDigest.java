package dev.sluice.engine.trace;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Names what a trace was made from: SHA-256 over the token ids of the text and of the search text. */
final class TextDigest {
  private TextDigest() {}

  static String of(int[] tokens, int count, int[] searchTokens) {
    ByteBuffer ids =
        ByteBuffer.allocate(4 * (2 + count + searchTokens.length)).order(ByteOrder.LITTLE_ENDIAN);
    ids.putInt(count);
    for (int i = 0; i < count; i++) {
      ids.putInt(tokens[i]);
    }
    ids.putInt(searchTokens.length);
    for (int token : searchTokens) {
      ids.putInt(token);
    }
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(ids.array()));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }
}
