package dev.sluice.engine.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PieceMergerTest {

  /**
   * The definition, word for word: scan for the lowest rank, leftmost first, merge, and start over.
   */
  private static int[] byDefinition(
      byte[] bytes, Map<List<Integer>, Integer> rankOf, int firstProduct) {
    List<Integer> ids = new ArrayList<>();
    for (byte b : bytes) {
      ids.add(b & 0xff);
    }
    while (true) {
      int best = -1;
      int bestRank = Integer.MAX_VALUE;
      for (int i = 0; i + 1 < ids.size(); i++) {
        int rank = rankOf.getOrDefault(ids.subList(i, i + 2), Integer.MAX_VALUE);
        if (rank < bestRank) {
          bestRank = rank;
          best = i;
        }
      }
      if (best < 0) {
        return ids.stream().mapToInt(Integer::intValue).toArray();
      }
      ids.set(best, firstProduct + bestRank);
      ids.remove(best + 1);
    }
  }

  @Test
  void mergesByRankThenLeftmost() {
    Random random = new Random(11);
    int[] identity = new int[256];
    for (int i = 0; i < 256; i++) {
      identity[i] = i;
    }
    for (int round = 0; round < 200; round++) {
      MergeTable table = new MergeTable();
      Map<List<Integer>, Integer> rankOf = new HashMap<>();
      int letters = 1 + random.nextInt(4);
      for (int rank = 0; rank < 30; rank++) {
        int known = letters + rank; // letters are ids 0.., products 256..
        int left = random.nextInt(known);
        int right = random.nextInt(known);
        left = left < letters ? left : 256 + left - letters;
        right = right < letters ? right : 256 + right - letters;
        table.add(left, right, 256 + rank);
        rankOf.put(List.of(left, right), rank);
      }
      PieceMerger merger = new PieceMerger(new Alphabet.Bytes(identity), table);
      for (int i = 0; i < 20; i++) {
        byte[] bytes = new byte[1 + random.nextInt(200)];
        for (int b = 0; b < bytes.length; b++) {
          bytes[b] = (byte) random.nextInt(letters);
        }
        IdList ids = new IdList(0);
        merger.merge(bytes, ids);
        assertArrayEquals(byDefinition(bytes, rankOf, 256), ids.from(0), "round " + round);
      }
    }
  }

  @Test
  void tableFindsWhatWasAddedAndNothingElse() {
    MergeTable table = new MergeTable();
    Map<List<Integer>, Integer> rankOf = new HashMap<>();
    Random random = new Random(5);
    for (int rank = 0; rank < 50_000; rank++) {
      int left = random.nextInt(1 << 22);
      int right = random.nextInt(64) << 12; // many keys that differ in few bits
      table.add(left, right, rank * 2);
      rankOf.put(List.of(left, right), rank);
    }
    rankOf.forEach(
        (pair, rank) -> {
          assertEquals(rank, table.rank(pair.get(0), pair.get(1)));
          assertEquals(rank * 2, table.product(rank));
          assertEquals(-1, table.rank(pair.get(0), pair.get(1) + 1));
        });
  }

  @Test
  void bytesWithoutATokenAreDropped() {
    int[] ids = new int[256];
    Arrays.fill(ids, Alphabet.NONE);
    ids['a'] = 0;
    ids['b'] = 1;
    MergeTable table = new MergeTable();
    table.add(0, 1, 2);
    PieceMerger merger = new PieceMerger(new Alphabet.Bytes(ids), table);
    IdList found = new IdList(4);
    merger.merge(new byte[] {'x'}, found);
    merger.merge(new byte[] {'a', 'x', 'b', 'b'}, found);
    assertArrayEquals(new int[] {2, 1}, found.from(0));
  }
}
