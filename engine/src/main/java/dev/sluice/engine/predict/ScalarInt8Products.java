package dev.sluice.engine.predict;

import dev.sluice.storage.predictor.Int8Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** Plain Java. */
final class ScalarInt8Products implements Int8Products {
  @Override
  public void products(Int8Rows rows, int fromGroup, int toGroup, short[] x, int xOffset, int[] out,
      int outOffset) {
    int steps = rows.steps();
    int half = Int8Rows.GROUP_ROWS / 2;
    MemorySegment codes = rows.codes();
    for (int group = fromGroup; group < toGroup; group++) {
      int to = outOffset + (group - fromGroup) * Int8Rows.GROUP_ROWS;
      Arrays.fill(out, to, to + Int8Rows.GROUP_ROWS, 0);
      long at = rows.groupOffsetBytes(group);
      for (int step = 0; step < steps; step++) {
        int first = x[xOffset + 2 * step];
        int second = x[xOffset + 2 * step + 1];
        for (int lane = 0; lane < Int8Rows.GROUP_ROWS; lane++) {
          int row = lane % 2 == 0 ? lane / 2 : half + lane / 2;
          out[to + row] += codes.get(ValueLayout.JAVA_BYTE, at) * first
              + codes.get(ValueLayout.JAVA_BYTE, at + 1) * second;
          at += 2;
        }
      }
    }
  }
}
