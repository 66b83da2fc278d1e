package dev.sluice.bench.peers;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * {@code sluice run} over a store.
 *
 * @param launcher the program to start
 * @param options further options of {@code run}
 */
record SluiceRival(
    String name, String family, String description, Path launcher, Path model, Limit limit,
    List<String> options)
    implements Rival {
  private static final long PAGE_BYTES = 4096;

  SluiceRival {
    options = List.copyOf(options);
  }

  @Override
  public List<String> command(Job job) {
    List<String> command = new ArrayList<>(List.of(
        launcher.toString(), "run", "-m", model.toString(),
        "--prompt-ids", list(job.tokens().promptIds()),
        "--force-ids", list(job.tokens().continuationIds()),
        "-n", Integer.toString(job.tokens().continuationIds().size()),
        "-t", Integer.toString(job.threads()),
        // Whole pages, to which a cgroup rounds its limit down.
        "--ram", Long.toString(job.ramBytes() & -PAGE_BYTES),
        "--temp", "0", "--json"));
    command.addAll(options);
    return List.copyOf(command);
  }

  private static String list(List<Integer> ids) {
    return ids.stream().map(String::valueOf).collect(Collectors.joining(","));
  }
}
