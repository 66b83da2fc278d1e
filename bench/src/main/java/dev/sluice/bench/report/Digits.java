package dev.sluice.bench.report;

import java.util.Locale;

/** Figures as text: three significant digits, or all of an integer's; a dash for what is not a number. */
final class Digits {
  private Digits() {}

  static String three(double value) {
    if (!Double.isFinite(value)) {
      return "–";
    }
    double size = Math.abs(value);
    // Bounds are where rounding to the next format would add a digit.
    String format = size >= 99.95 ? "%,.0f" : size >= 9.995 ? "%.1f" : "%.2f";
    return String.format(Locale.ROOT, size == 0 ? "%.0f" : format, value);
  }

  /** For prose: a percentage with at most one decimal. */
  static String brief(double share) {
    String percent = percent(share);
    return percent.endsWith(".0") ? percent.substring(0, percent.length() - 2) : percent;
  }

  static String kilobytes(double bytes) {
    return three(bytes / 1e3);
  }

  /** Bytes with the decimal unit that suits them. */
  static String size(double bytes) {
    return bytes < 1e6
        ? three(bytes / 1e3) + " KB"
        : bytes < 1e9 ? three(bytes / 1e6) + " MB" : three(bytes / 1e9) + " GB";
  }

  static String percent(double share) {
    return fixed(100 * share, 1);
  }

  static String fixed(double value, int decimals) {
    return Double.isFinite(value) ? String.format(Locale.ROOT, "%,." + decimals + "f", value) : "–";
  }

  static String count(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }
}
