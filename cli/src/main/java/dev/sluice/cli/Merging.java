package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.plan.DeviceModels;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.PageChecksums;
import java.nio.file.Path;
import java.util.Optional;

/**
 * How reads of a file are merged.
 *
 * @param model of its device, where it was probed and the limits come from it
 */
record Merging(ReadPlanner.Limits limits, Optional<DeviceModels.Entry> model) {
  /** Says that the device's model shall decide. */
  static final String AUTO = "auto";

  private static final int USUAL_GAP_BYTES = 16 << 10;
  private static final int MAX_REQUEST_BYTES = 512 << 10;

  /**
   * @param file on the device
   * @param gap a size, or {@link #AUTO}
   */
  static Merging of(Path file, String gap) {
    if (!gap.equals(AUTO)) {
      long bytes = Bytes.parse(gap).count();
      if (bytes > MAX_REQUEST_BYTES) {
        throw new BadInputException("--merge-gap " + gap, "is more than a request may be long",
            "give at most 512K");
      }
      return new Merging(limits((int) bytes), Optional.empty());
    }
    Optional<DeviceModels.Entry> model = DeviceModels.ofUser(System.getenv()).of(file);
    return new Merging(
        model.map(entry -> ReadPlanner.Limits.of(entry.model(), PageChecksums.PAGE_BYTES))
            .orElse(limits(USUAL_GAP_BYTES)),
        model);
  }

  private static ReadPlanner.Limits limits(int gapBytes) {
    return new ReadPlanner.Limits(PageChecksums.PAGE_BYTES, gapBytes, MAX_REQUEST_BYTES);
  }
}
