package dev.sluice.bench.report;

import dev.sluice.bench.peers.PeerComparison.Point;
import dev.sluice.bench.peers.PeerComparison.Result;
import dev.sluice.bench.peers.TokenTime;
import dev.sluice.bench.peers.TokenTime.Lanes;
import dev.sluice.bench.peers.TokenTime.Run;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** One token's timeline as a figure of plain SVG, coloured by the style sheet: a lane for each thread. */
final class TokenFigure {
  private static final int WIDTH = 1080;
  private static final int LEFT = 64;
  private static final int LANE = 30;
  private static final int GAP = 6;
  private static final int AXIS = 22;
  private static final int TICKS = 8;

  /** Kinds in the order in which a layer goes through them, with what readers call them. */
  private static final Map<String, String> NAMES = new LinkedHashMap<>();

  static {
    NAMES.put("attention", "attention");
    NAMES.put("predict", "prediction");
    NAMES.put("cache", "cache");
    NAMES.put("submit", "asking for reads");
    NAMES.put("compute", "FFN");
    NAMES.put("wait", "waiting for reads");
    NAMES.put("memory", "checking and moving what came");
    NAMES.put("head", "head");
    NAMES.put("idle", "idle");
  }

  private TokenFigure() {}

  /** All timelines of a limit on memory; empty if no rival tells of one. */
  static String render(Point point) {
    StringBuilder html = new StringBuilder();
    for (Result result : point.results()) {
      if (result.tokenTime() != null && !result.tokenTime().whole().threads().isEmpty()) {
        String title = result.rival() + ", " + PeerTables.title(point);
        html.append("<figure class=\"token\">\n<figcaption>").append(HtmlTable.escape(title))
            .append("</figcaption>\n").append(svg(result.tokenTime().whole(), "token, ms"))
            .append(svg(result.tokenTime().ofLayer(), "layer " + result.tokenTime().layer()))
            .append("<p>").append(HtmlTable.escape(sentence(result.tokenTime())))
            .append("</p>\n</figure>\n");
      }
    }
    return html.isEmpty() ? "" : legend() + html;
  }

  /** The same figures in words, for a terminal too. */
  static String sentence(TokenTime time) {
    List<String> parts = new ArrayList<>();
    NAMES.forEach((kind, name) -> {
      double millis = time.millisByKind().getOrDefault(kind, 0.0);
      if (millis > 0) {
        parts.add(name + " " + Digits.three(millis));
      }
    });
    return "Token " + time.token() + " took " + Digits.three(time.millis())
        + " ms, of which, in ms, mean over the threads: " + String.join(", ", parts) + ". It read "
        + Digits.three(time.megabytesRead()) + " MB in " + Digits.count((long) time.requests())
        + " requests, which take " + Digits.three(time.readMillis())
        + " ms at the rate of the device, measured just before and just after (the quicker: "
        + Digits.three(time.requestMicros())
        + " µs a request and " + Digits.three(time.deviceMegabytesPerSecond())
        + " MB/s); work other than waiting took " + Digits.three(time.workMillis())
        + " ms: the token took " + Digits.three(time.timesBound())
        + " times the greater of the two.";
  }

  private static String legend() {
    StringBuilder html = new StringBuilder("<p class=\"legend\">");
    NAMES.forEach((kind, name) -> html.append("<span class=\"kind\"><span class=\"swatch k-")
        .append(kind).append("\"></span>").append(name).append("</span> "));
    return html.append("</p>\n").toString();
  }

  private static String svg(Lanes lanes, String what) {
    int threads = lanes.threads().size();
    int bins = lanes.threads().stream()
        .mapToInt(runs -> runs.stream().mapToInt(Run::bins).sum()).max().orElse(1);
    double scale = (WIDTH - LEFT) / (double) Math.max(1, bins);
    int height = threads * (LANE + GAP) + AXIS;
    StringBuilder svg = new StringBuilder();
    svg.append("<svg viewBox=\"0 0 ").append(WIDTH).append(' ').append(height)
        .append("\" role=\"img\" aria-label=\"Timeline of ").append(what).append("\">\n");
    for (int t = 0; t < threads; t++) {
      int y = t * (LANE + GAP);
      svg.append("<text x=\"0\" y=\"").append(y + LANE / 2 + 4).append("\">thread ").append(t + 1)
          .append("</text>\n");
      int at = 0;
      for (Run run : lanes.threads().get(t)) {
        String kind = NAMES.containsKey(run.kind()) ? run.kind() : "idle";
        svg.append(String.format(Locale.ROOT,
            "<rect class=\"k-%s\" x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\"/>%n", kind,
            LEFT + at * scale, y, run.bins() * scale, LANE));
        at += run.bins();
      }
    }
    double millis = bins * lanes.binMicros() / 1e3;
    for (int tick = 0; tick <= TICKS; tick++) {
      String anchor = tick == 0 ? "start" : tick == TICKS ? "end" : "middle";
      svg.append(String.format(Locale.ROOT,
          "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>%n",
          LEFT + (WIDTH - LEFT) * tick / (double) TICKS, height - 6, anchor,
          Digits.three(lanes.fromMillis() + millis * tick / TICKS)));
    }
    svg.append("<text class=\"tick\" x=\"0\" y=\"").append(height - 6).append("\">").append(what)
        .append("</text>\n");
    return svg.append("</svg>\n").toString();
  }
}
