package dev.sluice.storage.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DeviceModelTest {
  private static DeviceModel through(long small, double micros, long large, double largeMicros) {
    return DeviceModel.fit(List.of(new DeviceModel.Sample(small, micros),
        new DeviceModel.Sample(large, largeMicros)));
  }

  @Test
  void findsTheLineThatTwoSizesLieOn() {
    Random random = new Random(3);
    for (int i = 0; i < 200; i++) {
      double t0 = 1 + 200 * random.nextDouble();
      double perByte = (1 + 9 * random.nextDouble()) / 1e4;
      DeviceModel model =
          through(4096, t0 + 4096 * perByte, 262_144, t0 + 262_144 * perByte);
      assertEquals(t0, model.requestMicros(), 1e-6 * t0 + 1e-9);
      assertEquals(1e6 / perByte, model.bytesPerSecond(), 1e-3 * 1e6 / perByte);
      assertEquals((7 * t0 + 1e6 * perByte) / 1e3, model.millis(7, 1e6),
          1e-6 * (t0 + perByte * 1e6));
    }
  }

  /** A noisy device may seem to read more sooner than less. */
  @Test
  void noiseNeverMakesTimeNegative() {
    DeviceModel model = through(4096, 90, 262_144, 80);
    assertTrue(model.requestMicros() >= 0 && model.bytesPerSecond() > 0);
    assertTrue(Double.isFinite(model.bytesPerSecond()));
    assertThrows(IllegalArgumentException.class, () -> through(4096, 0, 8192, 1));
    assertThrows(IllegalArgumentException.class, () -> through(4096, 1, 4096, 1));
  }

  @Test
  void fitFindsTheLineThroughAnyNumberOfSizesAndStaysWithinTheNoise() {
    Random random = new Random(4);
    for (int i = 0; i < 200; i++) {
      double t0 = 1 + 100 * random.nextDouble();
      double perByte = (1 + 9 * random.nextDouble()) / 1e4;
      double noise = i % 2 == 0 ? 0 : 0.05;
      List<DeviceModel.Sample> samples = new ArrayList<>();
      for (long bytes = 4096; bytes <= 1 << 20; bytes *= 4) {
        double exact = t0 + bytes * perByte;
        samples.add(new DeviceModel.Sample(bytes,
            exact * (1 + noise * (2 * random.nextDouble() - 1))));
      }
      DeviceModel model = DeviceModel.fit(samples);
      for (DeviceModel.Sample sample : samples) {
        assertEquals(sample.micros(), model.micros(sample.bytes()),
            (2.5 * noise + 1e-6) * sample.micros());
      }
    }
  }

  @Test
  void fitNeverMakesTimeNegativeAndNeedsTwoSizes() {
    DeviceModel flat = DeviceModel.fit(
        List.of(new DeviceModel.Sample(4096, 90), new DeviceModel.Sample(262_144, 80)));
    assertTrue(flat.requestMicros() > 0 && Double.isFinite(flat.bytesPerSecond()));
    DeviceModel steep = DeviceModel.fit(
        List.of(new DeviceModel.Sample(4096, 1), new DeviceModel.Sample(262_144, 1000)));
    assertEquals(0, steep.requestMicros());
    assertTrue(steep.bytesPerSecond() > 0);
    assertThrows(IllegalArgumentException.class, () -> DeviceModel.fit(
        List.of(new DeviceModel.Sample(4096, 1), new DeviceModel.Sample(4096, 2))));
    assertThrows(IllegalArgumentException.class, () -> new DeviceModel.Sample(4096, 0));
  }
}
