/**
 * Turns a checkpoint into a store in checkpoint order: resident tensors as they are, FFN matrices
 * as one bundle per neuron. What a checkpoint is stands in {@link dev.sluice.bundler.checkpoint};
 * here is only the way from one to the other.
 */
package dev.sluice.bundler.importer;
