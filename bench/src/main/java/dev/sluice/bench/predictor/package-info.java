/**
 * Experiment: which predictor names what matters for how little RAM and time. One table for each model and rule, on
 * held-out text.
 */
package dev.sluice.bench.predictor;
