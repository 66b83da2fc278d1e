/**
 * Tracing: runs a text through the model and writes which neurons fired, and beside that what one dense pass is
 * enough to learn: the CETT curves of the output and gate rules, column norms, and a sample of layer inputs for fitting
 * predictors.
 */
package dev.sluice.engine.trace;
