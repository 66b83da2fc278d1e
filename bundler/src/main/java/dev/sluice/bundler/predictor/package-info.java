/**
 * Fits predictors to a trace: packs the low-bit copy and calibrates, on inputs that the trace recorded, the margins that
 * make it recall what was asked.
 */
package dev.sluice.bundler.predictor;
