package dev.sluice.storage.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.plan.ReadPlanner.Limits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Properties of plans over random wanted ranges, checked by carrying the plans out on an imagined file. */
class ReadPlannerTest {
  private static final int PLANS = 400;

  private record Range(long offset, int length) {}

  @Test
  void deliversEveryWantedByteOnceInWholePagesWithinTheLimits() {
    Random random = new Random(11);
    for (int plan = 0; plan < PLANS; plan++) {
      int page = random.nextBoolean() ? 4096 : 512;
      int[] gaps = {-1, 0, page, 4 * page, 32 * page};
      Limits limits =
          new Limits(page, gaps[random.nextInt(gaps.length)], page * (1 + random.nextInt(40)));
      List<Range> ranges = randomRanges(random, random.nextInt(300));
      long staging = page * (4L + random.nextInt(200));
      carryOut(limits, ranges, staging);
    }
  }

  /** Overlapping and equal ranges occur, as do neighbours within one page. */
  private static List<Range> randomRanges(Random random, int count) {
    List<Range> ranges = new ArrayList<>();
    long at = random.nextInt(100_000);
    int length = 1 + random.nextInt(1600);
    for (int i = 0; i < count; i++) {
      ranges.add(new Range(at, random.nextInt(4) == 0 ? 1 + random.nextInt(1600) : length));
      at +=
          switch (random.nextInt(4)) {
            case 0 -> random.nextInt(length + 1);
            case 1 -> random.nextInt(200_000);
            default -> length;
          };
    }
    return ranges;
  }

  private static void carryOut(Limits limits, List<Range> ranges, long staging) {
    ReadPlanner planner = new ReadPlanner(limits);
    for (Range range : ranges) {
      planner.want(range.offset, range.length);
    }
    assertEquals(ranges.size(), planner.size());
    try (Arena arena = Arena.ofConfined()) {
      ReadBatch batch = new ReadBatch(arena.allocate(staging, 4096));
      int taken = 0;
      while (planner.fill(batch)) {
        assertTrue(planner.planned() > taken, "a batch takes at least one range");
        checkRequests(limits, planner, batch, taken, staging);
        read(batch);
        for (int i = taken; i < planner.planned(); i++) {
          checkRange(planner, batch, ranges.get(i), i);
        }
        checkGreedy(limits, planner, batch, ranges, taken, staging);
        taken = planner.planned();
      }
      assertEquals(ranges.size(), taken);
      assertFalse(planner.fill(batch), "nothing is handed out twice");
      assertEquals(0, batch.size());
    }
  }

  /** Batches of few requests hold the same requests as one that has room for all. */
  @Test
  void aLimitOfRequestsCutsThePlanAndLeavesItAsItIs() {
    Random random = new Random(31);
    for (int round = 0; round < 100; round++) {
      List<Range> ranges = randomRanges(random, 1 + random.nextInt(200));
      Limits limits = new Limits(4096, 4096 * random.nextInt(5), 1 << 16);
      List<Range> whole = requests(limits, ranges, Integer.MAX_VALUE);
      for (int most : new int[] {1, 2, 7, whole.size(), whole.size() + 1}) {
        assertEquals(whole, requests(limits, ranges, most), most + " at a time");
      }
    }
  }

  private static List<Range> requests(Limits limits, List<Range> ranges, int most) {
    ReadPlanner planner = new ReadPlanner(limits);
    ranges.forEach(range -> planner.want(range.offset, range.length));
    List<Range> requests = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      ReadBatch batch = new ReadBatch(arena.allocate(64L << 20, 4096));
      int batches = 0;
      while (planner.fill(batch, most)) {
        assertTrue(batch.size() <= most);
        for (int i = 0; i < batch.size(); i++) {
          requests.add(new Range(batch.fileOffsetBytes(i), batch.lengthBytes(i)));
        }
        batches++;
      }
      assertEquals(Math.ceilDiv(requests.size(), Math.min(most, requests.size())), batches);
    }
    return requests;
  }

  private static void checkRequests(
      Limits limits, ReadPlanner planner, ReadBatch batch, int taken, long staging) {
    long at = 0;
    for (int r = 0; r < batch.size(); r++) {
      int members = members(planner, taken, r);
      assertTrue(members > 0, "every request serves a range");
      assertEquals(0, batch.fileOffsetBytes(r) % limits.pageBytes());
      assertEquals(0, batch.lengthBytes(r) % limits.pageBytes());
      assertTrue(batch.lengthBytes(r) <= limits.maxRequestBytes() || members == 1);
      assertEquals(at, batch.targetOffsetBytes(r), "requests lie side by side in staging");
      at += batch.lengthBytes(r);
    }
    assertTrue(at <= staging);
  }

  private static int members(ReadPlanner planner, int taken, int request) {
    int members = 0;
    for (int i = taken; i < planner.planned(); i++) {
      members += planner.requestOf(i) == request ? 1 : 0;
    }
    return members;
  }

  private static void checkRange(ReadPlanner planner, ReadBatch batch, Range range, int i) {
    int request = planner.requestOf(i);
    assertTrue(batch.fileOffsetBytes(request) <= range.offset);
    assertTrue(
        range.offset + range.length <= batch.fileOffsetBytes(request) + batch.lengthBytes(request));
    long at = planner.targetOffsetBytes(batch, i);
    for (int k = 0; k < range.length; k++) {
      assertEquals(
          content(range.offset + k), batch.target().get(ValueLayout.JAVA_BYTE, at + k),
          "byte " + k);
    }
  }

  /** What could have been merged was, and a batch ends only where the next range does not fit. */
  private static void checkGreedy(
      Limits limits, ReadPlanner planner, ReadBatch batch, List<Range> ranges, int taken,
      long room) {
    long used = 0;
    for (int r = 0; r < batch.size(); r++) {
      used += batch.lengthBytes(r);
    }
    if (planner.planned() < ranges.size()) {
      Range next = ranges.get(planner.planned());
      long whole = pagesOf(next, limits.pageBytes());
      assertTrue(used + whole > room, "a batch ended although the next range fits");
    }
    for (int i = taken + 1; i < planner.planned(); i++) {
      int before = planner.requestOf(i - 1);
      if (planner.requestOf(i) != before) {
        int last = planner.requestOf(i);
        long from = batch.fileOffsetBytes(before);
        long end = from + batch.lengthBytes(before);
        long gap = batch.fileOffsetBytes(last) - end;
        long reach = Math.max(end, unitReach(limits, ranges, i));
        assertTrue(
            gap > limits.gapBytes()
                || reach - from > limits.maxRequestBytes()
                || batch.targetOffsetBytes(before) + reach - from > room,
            "neighbours within the gap were read apart");
      }
    }
  }

  /** Where ranges end that share pages one after another, from range i on, as far as one request may reach. */
  private static long unitReach(Limits limits, List<Range> ranges, int i) {
    long from = down(ranges.get(i).offset, limits);
    long reach = from + pagesOf(ranges.get(i), limits.pageBytes());
    for (int next = i + 1; next < ranges.size(); next++) {
      Range range = ranges.get(next);
      long further =
          Math.max(reach, down(range.offset, limits) + pagesOf(range, limits.pageBytes()));
      if (down(range.offset, limits) >= reach || further - from > limits.maxRequestBytes()) {
        break;
      }
      reach = further;
    }
    return reach;
  }

  private static long down(long offset, Limits limits) {
    return offset / limits.pageBytes() * limits.pageBytes();
  }

  private static long pagesOf(Range range, int page) {
    return Math.ceilDiv(range.offset + range.length, (long) page) * page
        - range.offset / page * page;
  }

  private static void read(ReadBatch batch) {
    batch.target().fill((byte) 0);
    for (int r = 0; r < batch.size(); r++) {
      MemorySegment target = batch.target();
      for (int k = 0; k < batch.lengthBytes(r); k++) {
        target.set(
            ValueLayout.JAVA_BYTE,
            batch.targetOffsetBytes(r) + k,
            content(batch.fileOffsetBytes(r) + k));
      }
    }
  }

  private static byte content(long offset) {
    return (byte) (offset * 0x9E3779B97F4A7C15L >>> 56);
  }

  /** Over models from a RAM disk's to a floppy's: merged, each wanted page is still read, and by the model in no more time. */
  @Test
  void byItsModelMergingNeverCostsMore() {
    Random random = new Random(12);
    int gained = 0;
    try (Arena arena = Arena.ofConfined()) {
      ReadBatch merged = new ReadBatch(arena.allocate(64L << 20));
      ReadBatch plain = new ReadBatch(arena.allocate(64L << 20));
      for (int plan = 0; plan < PLANS; plan++) {
        DeviceModel model = new DeviceModel(random.nextInt(8) == 0 ? 0
            : Math.exp(8 * random.nextDouble() - 2), Math.exp(18 + 6 * random.nextDouble()));
        int page = random.nextBoolean() ? 4096 : 512;
        Limits limits = Limits.of(model, page);
        assertTrue(limits.gapBytes() <= model.requestMicros() * model.bytesPerSecond() / 1e6);
        List<Range> ranges = randomRanges(random, 1 + random.nextInt(200));
        double cost = cost(model, limits, ranges, merged);
        double unmerged = cost(model, limits.unmerged(), ranges, plain);
        assertTrue(cost <= unmerged * (1 + 1e-9),
            () -> model + ": " + cost + " us merged, " + unmerged + " us not");
        gained += cost < unmerged ? 1 : 0;
      }
    }
    assertTrue(gained > PLANS / 4, gained + " plans gained");
  }

  private static double cost(
      DeviceModel model, Limits limits, List<Range> ranges, ReadBatch batch) {
    ReadPlanner planner = new ReadPlanner(limits);
    ranges.forEach(range -> planner.want(range.offset, range.length));
    assertTrue(planner.fill(batch));
    assertEquals(ranges.size(), planner.planned(), "one batch holds them all");
    double micros = 0;
    for (int r = 0; r < batch.size(); r++) {
      micros += model.micros(batch.lengthBytes(r));
    }
    return micros;
  }

  @Test
  void mergesNeighboursOfOnePageIntoOneRead() {
    ReadPlanner planner = new ReadPlanner(new Limits(4096, 0, 65_536));
    for (int bundle : new int[] {0, 1, 3, 4, 9}) {
      planner.want(bundle * 1024L, 1024);
    }
    try (Arena arena = Arena.ofConfined()) {
      ReadBatch batch = new ReadBatch(arena.allocate(65_536, 4096));
      assertTrue(planner.fill(batch));
      assertEquals(1, batch.size(), "pages 0, 1 and 2 touch");
      assertEquals(12_288, batch.lengthBytes(0));
    }
  }

  @Test
  void clearForgetsAndTheOrderStartsAnew() {
    ReadPlanner planner = new ReadPlanner(new Limits(4096, 0, 65_536));
    planner.want(100_000, 10);
    assertThrows(IllegalArgumentException.class, () -> planner.want(99_999, 10));
    planner.clear();
    assertEquals(0, planner.size());
    assertEquals(0, planner.want(5, 10));
  }

  @Test
  void refusesStagingThatCannotHoldARangeAndImpossibleLimits() {
    ReadPlanner planner = new ReadPlanner(new Limits(4096, 0, 65_536));
    planner.want(4000, 200);
    try (Arena arena = Arena.ofConfined()) {
      ReadBatch batch = new ReadBatch(arena.allocate(4096, 4096));
      assertThrows(IllegalArgumentException.class, () -> planner.fill(batch));
    }
    assertThrows(IllegalArgumentException.class, () -> new Limits(4095, 0, 65_536));
    assertThrows(IllegalArgumentException.class, () -> new Limits(4096, -2, 65_536));
    assertThrows(IllegalArgumentException.class, () -> new Limits(4096, 0, 4095));
    assertEquals(-1, new Limits(4096, 16_384, 65_536).unmerged().gapBytes());
  }
}
