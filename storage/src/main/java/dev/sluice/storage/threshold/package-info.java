/**
 * Thresholds: which neuron outputs count as active (ReLU² Wins). {@link dev.sluice.storage.threshold.CettCurve} is
 * what tracing measures once and every later question about a CETT target is answered from; it lives with the
 * formats because traces and stores both carry it.
 */
package dev.sluice.storage.threshold;
