/**
 * The feed-forward network, two ways with the same bits: {@link dev.sluice.engine.ffn.BlockFfn} computes every neuron
 * for a block of positions from a layer streamed whole (prompts, traces, perplexity); {@link
 * dev.sluice.engine.ffn.FfnStream} computes one token from the bundles that a predictor asks for, read from flash or found
 * in the window cache. Its reads go through {@code Lanes}, several batches at once, of which a {@code BundleFetch} takes as many
 * as one layer needs, and what comes next the rest. {@link dev.sluice.engine.ffn.Activity} says which neurons count.
 */
package dev.sluice.engine.ffn;
