package dev.sluice.bench.kernel;

import java.util.List;

/** How the control in C goes about it. */
public enum ControlWay {
  /** With every instruction that the machine has, as a good C runtime would. */
  BEST,
  /** In the steps of Java's kernels, with the instructions that Java's vectors become and no others. */
  STEPS;

  /** What gcc is told. */
  List<String> flags() {
    return switch (this) {
      case BEST -> List.of();
      case STEPS -> List.of("-DJAVAS_STEPS");
    };
  }
}
