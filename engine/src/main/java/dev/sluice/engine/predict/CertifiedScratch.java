package dev.sluice.engine.predict;

/** Buffers of one thread for {@link CertifiedPredictor}. */
final class CertifiedScratch {
  final CertifiedInput input = new CertifiedInput();
  final CertifiedPredictor.Job job = new CertifiedPredictor.Job();
  float[] upper = {};

  void resize(int rows) {
    if (upper.length < rows) {
      upper = new float[rows];
    }
  }
}
