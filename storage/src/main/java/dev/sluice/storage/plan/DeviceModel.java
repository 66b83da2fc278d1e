package dev.sluice.storage.plan;

/**
 * What random reads cost: a time for each request and a time for each byte. It describes a device that has many requests at
 * once, as the engine keeps it.
 *
 * @param requestMicros t₀, microseconds a request adds
 * @param bytesPerSecond bandwidth once requests are large
 */
public record DeviceModel(double requestMicros, double bytesPerSecond) {

  /** The line through two measured sizes; noise that would make a negative time is taken as none. */
  public static DeviceModel through(
      long smallBytes, double smallMicros, long largeBytes, double largeMicros) {
    if (smallBytes <= 0 || largeBytes <= smallBytes || !(smallMicros > 0) || !(largeMicros > 0)) {
      throw new IllegalArgumentException(
          smallBytes + " bytes in " + smallMicros + " us and " + largeBytes + " in " + largeMicros);
    }
    double perByte =
        Math.max((largeMicros - smallMicros) / (largeBytes - smallBytes), 1e-3 * largeMicros
            / largeBytes);
    return new DeviceModel(Math.max(0, smallMicros - perByte * smallBytes), 1e6 / perByte);
  }

  /** Milliseconds that {@code requests} of {@code bytes} in all take. */
  public double millis(double requests, double bytes) {
    return requests * requestMicros / 1e3 + bytes / bytesPerSecond * 1e3;
  }
}
