package dev.sluice.engine.predict;

/** Buffers of one thread for predicting; they grow to the largest block seen. */
public final class PredictorScratch {
  private float[] rows = {};
  private float[] inner = {};
  private float[] up = {};
  private float[] norms = {};
  private float[] arranged = {};
  private float[] magnitudes = {};
  private long[] ranked = {};
  private byte[] experts = {};
  private final LowRankScratch lowRank = new LowRankScratch();
  private final CertifiedScratch certified = new CertifiedScratch();

  float[] rows(int size) {
    return rows = grown(rows, size);
  }

  float[] inner(int size) {
    return inner = grown(inner, size);
  }

  float[] up(int size) {
    return up = grown(up, size);
  }

  float[] norms(int size) {
    return norms = grown(norms, size);
  }

  float[] arranged(int size) {
    return arranged = grown(arranged, size);
  }

  float[] magnitudes(int size) {
    return magnitudes = grown(magnitudes, size);
  }

  long[] ranked(int size) {
    return ranked = ranked.length >= size ? ranked : new long[size];
  }

  byte[] experts(int size) {
    return experts = experts.length >= size ? experts : new byte[size];
  }

  LowRankScratch lowRank() {
    return lowRank;
  }

  CertifiedScratch certified() {
    return certified;
  }

  private static float[] grown(float[] buffer, int size) {
    return buffer.length >= size ? buffer : new float[size];
  }
}
