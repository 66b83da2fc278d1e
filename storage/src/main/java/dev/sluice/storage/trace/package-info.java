/**
 * Trace files: which FFN neurons fired, token by token and layer by layer, and how strongly. Written once by whoever
 * runs the model, read by everything that fits thresholds, orders, predictors and caches, so that the bundler and the
 * engine need never call each other. {@link dev.sluice.storage.trace.TraceFormat} describes the bytes.
 */
package dev.sluice.storage.trace;
