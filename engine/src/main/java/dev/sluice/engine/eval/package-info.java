/**
 * Measures quality over a text: perplexity by fixed windows, and the CETT target at which it has risen by one per cent. Works
 * on sweeps, so each layer's weights are streamed once per group of windows.
 */
package dev.sluice.engine.eval;
