package dev.sluice.bench.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class L2CacheTest {
  @Test
  void sizesAreReadAsLinuxWritesThem() {
    assertEquals(512 << 10, L2Cache.bytes("512K\n"));
    assertEquals(2 << 20, L2Cache.bytes("2048K\n"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "K", "0K", "512", "512M", "-512K", "999999999K"})
  void whatIsNoSizeCountsAsTheSmallest(String line) {
    assertEquals(256 << 10, L2Cache.bytes(line));
  }

  @Test
  void sizesThatNoBenchmarkCanUseAreCut() {
    assertEquals(256 << 10, L2Cache.bytes("64K"));
    assertEquals(32 << 20, L2Cache.bytes("99999K"));
  }

  @Test
  void thisMachinesSizeIsUsable() {
    assertTrue(L2Cache.bytes() >= 256 << 10 && L2Cache.bytes() <= 32 << 20);
  }
}
