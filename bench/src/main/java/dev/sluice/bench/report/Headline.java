package dev.sluice.bench.report;

import dev.sluice.bench.compare.Comparison;
import dev.sluice.bench.compare.Comparison.ModelResult;
import dev.sluice.bench.compare.Comparison.Saved;
import dev.sluice.bench.compare.Comparison.SavedPoint;
import dev.sluice.bench.compare.Comparison.Side;
import dev.sluice.bench.compare.Comparison.Width;
import java.util.Comparator;
import java.util.Optional;

/** The comparison in two sentences, computed from its figures. */
final class Headline {
  private static final String EQUALITY = "absolute loss";

  private final Comparison comparison;

  Headline(Comparison comparison) {
    this.comparison = comparison;
  }

  String title() {
    return "I/O per token: " + model(0).name() + " versus " + model(1).name();
  }

  /** What is saved at equal absolute loss and the ladders' RAM share; the nearest share that was measured. */
  Optional<SavedPoint> point(boolean padded) {
    return comparison.saved().stream()
        .filter(saved -> saved.padded() == padded && saved.equality().contains(EQUALITY))
        .map(Saved::points)
        .flatMap(points -> points.stream())
        .min(Comparator
            .comparingDouble(p -> Math.abs(p.ramShare() - comparison.setting().ramShare())));
  }

  String summary() {
    Optional<SavedPoint> own = point(false);
    Optional<SavedPoint> padded = point(true);
    SavedPoint any = own.or(() -> padded).orElse(null);
    if (any == null) {
      return "No saving at equal absolute loss was measured. The tables hold what was.";
    }
    StringBuilder text = new StringBuilder();
    text.append("At equal held-out loss, with ").append(Digits.brief(any.ramShare()))
        .append(" % of the FFN's bytes in RAM for slots and predictor, ")
        .append(described(model(0))).append(" reads ");
    own.ifPresent(p -> text.append(amount(p))
        .append(" FFN bytes per token from flash at the models' own bundle width"));
    if (own.isPresent() && padded.isPresent()) {
      text.append(" and ");
    }
    padded.ifPresent(
        p -> text.append(amount(p)).append(" with bundles padded to ").append(paddedWidths()));
    text.append(" than ").append(described(model(1))).append(". ");
    SavedPoint shown = padded.orElse(any);
    text.append(padded.isPresent() ? "Padded, that" : "That").append(" is ")
        .append(side(shown.first())).append(" against ")
        .append(side(shown.second())).append(".");
    return text.toString();
  }

  /** Widths of padded bundles, such as {@code 10.2 and 15.4 KB}. */
  String paddedWidths() {
    return widths(true);
  }

  String ownWidths() {
    return widths(false);
  }

  private String widths(boolean padded) {
    return width(0, padded) + " and " + width(1, padded) + " KB";
  }

  private String width(int model, boolean padded) {
    return model(model).widths().stream()
        .filter(width -> width.padded() == padded)
        .mapToDouble(Width::bundleBytesOnDisk)
        .mapToObj(bytes -> Digits.fixed(bytes / 1e3, 1))
        .findFirst()
        .orElse("–");
  }

  private ModelResult model(int index) {
    return comparison.models().get(index);
  }

  private static String described(ModelResult model) {
    return model.name() + " (" + model.activation() + ")";
  }

  private static String amount(SavedPoint point) {
    return Digits.brief(Math.abs(point.savedShare())) + " % "
        + (point.savedShare() < 0 ? "more" : "fewer");
  }

  private static String side(Side side) {
    return Digits.size(side.bytesPerToken()) + " in " + Digits.three(side.requestsPerToken())
        + " requests and "
        + Digits.three(side.ioMillisPerToken()) + " ms of I/O";
  }
}
