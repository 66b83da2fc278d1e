/**
 * The feed-forward network, two ways with the same bits: {@link dev.sluice.engine.ffn.BlockFfn} computes every neuron
 * for a block of positions from a layer streamed whole (prompts, traces, perplexity); {@link
 * dev.sluice.engine.ffn.FfnStream} computes one token from the bundles that a predictor asks for, read from flash or found
 * in the window cache. {@link dev.sluice.engine.ffn.Activity} says which neurons count.
 */
package dev.sluice.engine.ffn;
