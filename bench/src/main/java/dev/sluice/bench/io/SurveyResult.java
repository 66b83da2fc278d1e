package dev.sluice.bench.io;

import java.util.List;

/**
 * What a probe of a device measured; table, page and JSON are views of it.
 *
 * @param cells in the order in which they were asked for
 * @param fit the model, and how well it describes what it was fitted to
 * @param guests the same reads by another program, in turns with the first backend; may be empty
 */
public record SurveyResult(Setting setting, List<Cell> cells, Fit fit, List<Guest> guests) {
  public SurveyResult {
    cells = List.copyOf(cells);
    guests = List.copyOf(guests);
  }

  /** How offsets follow each other. */
  public enum Pattern {
    RANDOM,
    SEQUENTIAL
  }

  /**
   * @param device name and type of the file system
   * @param fileBytes of the file that was written for it
   * @param readBytes by all cells together
   * @param notes what is to be known beside
   */
  public record Setting(
      String madeBy, String kernel, String processor, String device, String measuredAt,
      long fileBytes, long readBytes, double seconds, int rounds, long seed, List<String> notes) {}

  /**
   * One combination. Medians over rounds.
   *
   * @param backend as {@code --io} names it
   * @param reader what it says of itself
   * @param inFlight requests at once
   * @param requestMicros between completions
   */
  public record Cell(
      String backend, String reader, Pattern pattern, int requestBytes, int inFlight,
      long requests, double megabytesPerSecond, double requestMicros) {}

  /**
   * @param reader whose random reads it was fitted to
   * @param worstError largest relative error over those sizes
   * @param gapBytes what reads are merged over by it
   * @param maxRequestBytes how long merged reads become by it
   */
  public record Fit(
      double requestMicros, double bytesPerSecond, String reader, double worstError, int gapBytes,
      int maxRequestBytes) {}

  /** Ratio: of the first backend to the guest, the median over rounds. */
  public record Guest(
      String program, int requestBytes, int inFlight, double megabytesPerSecond, double ratio) {}
}
