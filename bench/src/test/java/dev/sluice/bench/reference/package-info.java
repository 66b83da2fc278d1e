/**
 * The product as a whole against outside references: logits, perplexities, thresholds and active shares that PyTorch gave for
 * the twins and the fixtures, the kernel's own count of bytes read, and properties that hold whatever the storage choices.
 * These tests stand here because only this module sees both the bundler and the engine.
 */
package dev.sluice.bench.reference;
