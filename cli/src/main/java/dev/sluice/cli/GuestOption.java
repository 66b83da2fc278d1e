package dev.sluice.cli;

import dev.sluice.bench.io.RacePlan;
import dev.sluice.storage.BadInputException;
import picocli.CommandLine.Option;

/** Which installed program reads beside Sluice. */
final class GuestOption {
  @Option(names = "--compare", paramLabel = "fio",
      description = "Let an installed fio read the same in turns, and print ratios.")
  private String compare;

  RacePlan.Guest guest() {
    if (compare == null) {
      return RacePlan.Guest.NONE;
    }
    if (!compare.equals("fio")) {
      throw new BadInputException("--compare " + compare, "is not known", "use fio");
    }
    return RacePlan.Guest.FIO;
  }
}
