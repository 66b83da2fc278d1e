package dev.sluice.bench.io;

import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** An installed fio, reading the same file the same way. */
final class Fio {
  private static final Pattern FREE_HUGE_PAGES =
      Pattern.compile("^HugePages_Free:\\s*([0-9]+)$", Pattern.MULTILINE);
  private static final long HUGE_PAGE_BYTES = 2L << 20;

  private final String version;

  /** What one job measured. */
  record Job(double megabytesPerSecond, double cpuMicrosPerRead, long requests) {}

  private Fio(String version) {
    this.version = version;
  }

  /** Empty where it is not installed. */
  static Optional<Fio> find() {
    try {
      Process process = new ProcessBuilder("fio", "--version").redirectErrorStream(true).start();
      String version =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
      return process.waitFor() == 0 ? Optional.of(new Fio(version)) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    }
  }

  /** Whether so many requests of that size find reserved huge pages. */
  static boolean hasHugePages(int requestBytes, int inFlight) {
    try {
      Matcher matcher = FREE_HUGE_PAGES.matcher(Files.readString(Path.of("/proc/meminfo")));
      return matcher.find()
          && Long.parseLong(matcher.group(1)) >= hugePages(requestBytes, inFlight);
    } catch (IOException e) {
      return false;
    }
  }

  /** Huge pages that fio maps: its buffers and a page of slack for their alignment. */
  static long hugePages(int requestBytes, int inFlight) {
    return Math.ceilDiv((long) requestBytes * inFlight + 4096, HUGE_PAGE_BYTES) + 1;
  }

  String describe(int requestBytes, int inFlight) {
    return version + (hasHugePages(requestBytes, inFlight) ? ", huge pages" : ", small pages");
  }

  /**
   * Random reads, direct, by io_uring with registered file, and for root registered buffers.
   *
   * @param bytes to read in all
   * @throws FaultException if fio fails
   */
  Job randomReads(Path file, int requestBytes, int inFlight, long bytes, long seed) {
    List<String> command = new ArrayList<>(List.of("fio", "--name=race", "--readonly",
        "--filename=" + file, "--rw=randread", "--norandommap", "--bs=" + requestBytes,
        "--iodepth=" + inFlight, "--iodepth_batch_submit=16", "--iodepth_batch_complete_min=1",
        "--iodepth_batch_complete_max=" + inFlight, "--ioengine=io_uring", "--direct=1",
        "--registerfiles=1", "--io_size=" + bytes, "--randseed=" + seed,
        "--invalidate=0", "--thread", "--output-format=json"));
    if (hasHugePages(requestBytes, inFlight)) {
      command.add("--mem=mmaphuge");
    }
    if ("root".equals(System.getProperty("user.name"))) {
      command.add("--fixedbufs=1"); // fio gives up where locked memory does not suffice
    }
    try {
      Process process = new ProcessBuilder(command)
          .redirectError(ProcessBuilder.Redirect.DISCARD).start();
      String output =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0) {
        throw new FaultException("fio", "failed", "run it by hand: " + String.join(" ", command));
      }
      JsonNode job = JsonMapper.shared().readTree(output.substring(output.indexOf('{'))).get("jobs")
          .get(0);
      JsonNode read = job.get("read");
      long requests = read.get("total_ios").asLong();
      double nanos = job.get("job_runtime").asDouble() * 1e6;
      double cpu = (job.get("usr_cpu").asDouble() + job.get("sys_cpu").asDouble()) / 100 * nanos;
      return new Job(read.get("bw_bytes").asDouble() / 1e6, cpu / 1e3 / requests, requests);
    } catch (IOException | RuntimeException e) {
      throw new FaultException("fio", "gave no figures (" + e.getMessage() + ")",
          "run it by hand: " + String.join(" ", command), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new FaultException("fio", "was interrupted", "start again", e);
    }
  }
}
