package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.posix.MemoryLimit;
import java.util.OptionalLong;

/** What {@code --ram} says, against what the system lets this process have. */
final class RamCeiling {
  private static final long MIB = 1L << 20;

  private RamCeiling() {}

  /**
   * The ceiling in bytes.
   *
   * @param text a size, or {@code auto}: all that the cgroup allows, or seven eighths of what the system has left
   */
  static long bytes(String text, MemoryLimit limit) {
    if (!text.equals("auto")) {
      try {
        return Bytes.parse(text).count();
      } catch (BadInputException e) {
        throw new BadInputException("--ram " + text, "is no possible size",
            "write it like 512M or 2G, or auto", e);
      }
    }
    long most = Long.MAX_VALUE;
    if (limit.group().isPresent()) {
      most = limit.group().get().limitBytes();
    }
    OptionalLong available = limit.availableBytes();
    if (available.isPresent()) {
      most = Math.min(most, available.getAsLong() / 8 * 7);
    }
    if (most == Long.MAX_VALUE) {
      throw new BadInputException("--ram auto", "the system does not say how much memory it has",
          "give a size, such as 2G");
    }
    return most;
  }

  /**
   * Refuses a ceiling above what can be had.
   *
   * @param floorBytes the least that would do
   * @throws BadInputException with the number that would do, if there is one
   */
  static void check(long ramBytes, long floorBytes, MemoryLimit limit) {
    if (limit.group().isPresent() && ramBytes > limit.group().get().limitBytes()) {
      MemoryLimit.Group group = limit.group().get();
      throw refused(ramBytes, floorBytes, group.limitBytes(), "the cgroup " + group.folder()
          + " allows", "raise its limit");
    }
    if (limit.availableBytes().isPresent() && ramBytes > limit.availableBytes().getAsLong()) {
      throw refused(ramBytes, floorBytes, limit.availableBytes().getAsLong(),
          "this system has left (MemAvailable)", "end other programs");
    }
  }

  private static BadInputException refused(long ramBytes, long floorBytes, long mostBytes,
      String whose, String otherwise) {
    String cause = Math.ceilDiv(ramBytes, MIB) + " MiB are more than the " + mostBytes / MIB
        + " MiB that " + whose;
    return new BadInputException("--ram", cause, floorBytes <= mostBytes
        ? "give at most --ram " + mostBytes / MIB + "M, at least " + floorBytes / MIB + "M"
        : otherwise + ": this model needs at least " + floorBytes / MIB + " MiB");
  }
}
