/**
 * Fits predictors to a trace: packs low-bit copies and calibrates their margins; finds the low-rank map that is nearest to
 * the rows on recorded inputs (SVDP), trains networks of the same shape, mixes both with copies; and puts cuts where, on
 * held-out positions, they recall what was asked.
 */
package dev.sluice.bundler.predictor;
