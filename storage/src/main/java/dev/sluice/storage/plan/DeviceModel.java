package dev.sluice.storage.plan;

import java.util.List;

/**
 * What random reads cost: a time for each request and a time for each byte. It describes a device that has many requests at
 * once, as the engine keeps it.
 *
 * @param requestMicros t₀, microseconds a request adds
 * @param bytesPerSecond bandwidth once requests are large
 */
public record DeviceModel(double requestMicros, double bytesPerSecond) {

  /**
   * What a request of one size was measured to take.
   *
   * @param bytes of a request
   * @param micros between completions, with many in flight
   */
  public record Sample(long bytes, double micros) {
    public Sample {
      if (bytes <= 0 || !(micros > 0) || !Double.isFinite(micros)) {
        throw new IllegalArgumentException(bytes + " bytes in " + micros + " us");
      }
    }
  }

  /**
   * The line that misses measured times by the least squares of relative errors, so that small requests count as much as large
   * ones. Where noise would make t₀ negative it is 0, and the bandwidth is then the best without it.
   *
   * @param samples of at least two sizes
   */
  public static DeviceModel fit(List<Sample> samples) {
    if (samples.stream().mapToLong(Sample::bytes).distinct().count() < 2) {
      throw new IllegalArgumentException("a line needs two sizes");
    }
    // Relative: 1 = t0 / t + bytes · perByte / t.
    double aa = 0;
    double ab = 0;
    double bb = 0;
    double a1 = 0;
    double b1 = 0;
    for (Sample sample : samples) {
      double a = 1 / sample.micros;
      double b = sample.bytes / sample.micros;
      aa += a * a;
      ab += a * b;
      bb += b * b;
      a1 += a;
      b1 += b;
    }
    double determinant = aa * bb - ab * ab;
    double t0 = (a1 * bb - b1 * ab) / determinant;
    double perByte = (b1 * aa - a1 * ab) / determinant;
    if (!(t0 > 0)) {
      return new DeviceModel(0, 1e6 * bb / b1);
    }
    double least = 1e-3 * b1 / bb;
    return new DeviceModel(t0, 1e6 / Math.max(perByte, least));
  }

  /** Microseconds that one request of so many bytes adds. */
  public double micros(long bytes) {
    return requestMicros + bytes / bytesPerSecond * 1e6;
  }

  /** Milliseconds that {@code requests} of {@code bytes} in all take. */
  public double millis(double requests, double bytes) {
    return requests * requestMicros / 1e3 + bytes / bytesPerSecond * 1e3;
  }
}
