package dev.sluice.engine.model;

import dev.sluice.engine.kernel.Int8Vector;

/** Reusable buffers of one thread; each grows to the largest size asked and is then allocated no more. */
public final class Scratch {
  private Int8Vector bytes = new Int8Vector(0);
  private float[] arranged = {};
  private float[] rows = {};
  private float[] tile = {};
  private float[] normed = {};
  private float[] mixed = {};
  private float[] scores = {};
  private float[] output = {};
  private float[] keys = {};
  private float[] values = {};
  private float[] queries = {};
  private float[] sums = {};
  private float[] weights = {};
  private float[] chunks = {};

  float[] arranged(int size) {
    return arranged = grown(arranged, size);
  }

  float[] rows(int size) {
    return rows = grown(rows, size);
  }

  float[] tile(int size) {
    return tile = grown(tile, size);
  }

  float[] normed(int size) {
    return normed = grown(normed, size);
  }

  float[] mixed(int size) {
    return mixed = grown(mixed, size);
  }

  float[] scores(int size) {
    return scores = grown(scores, size);
  }

  /** Room for {@code size} activations as bytes. */
  Int8Vector bytes(int size) {
    return bytes = bytes.capacity() >= size ? bytes : new Int8Vector(size);
  }

  float[] chunks(int size) {
    return chunks = grown(chunks, size);
  }

  float[] output(int size) {
    return output = grown(output, size);
  }

  float[] keys(int size) {
    return keys = grown(keys, size);
  }

  float[] values(int size) {
    return values = grown(values, size);
  }

  float[] queries(int size) {
    return queries = grown(queries, size);
  }

  float[] sums(int size) {
    return sums = grown(sums, size);
  }

  float[] weights(int size) {
    return weights = grown(weights, size);
  }

  private static float[] grown(float[] buffer, int size) {
    return buffer.length >= size ? buffer : new float[size];
  }
}
