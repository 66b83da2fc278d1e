/**
 * The model graph: one decoder-only transformer built from a store's configuration and resident tensors, everything
 * but the FFN's weights. Immutable and shared; what changes from token to token ({@link
 * dev.sluice.engine.model.KvCache}, {@link dev.sluice.engine.model.Scratch}) is passed in. A block of positions goes
 * through the same arithmetic as a single one and gives the same bits.
 */
package dev.sluice.engine.model;
