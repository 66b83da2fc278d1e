/**
 * The bundler proper: takes a store and a trace of it, orders each layer's neurons by what the trace shows, and writes a new
 * store with row-column bundles in that order, with thresholds, frequencies and predictors in its catalog.
 */
package dev.sluice.bundler.pack;
