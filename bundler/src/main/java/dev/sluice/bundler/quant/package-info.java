/**
 * FFN weights in fewer bits: {@link dev.sluice.bundler.quant.Requantisation} says which parts of a bundle become what,
 * {@link dev.sluice.bundler.quant.BlockFit} finds integers and scale of one block by least squares, rows are encoded as
 * ggml's blocks and columns as integers whose scales stay resident, and {@link
 * dev.sluice.bundler.quant.LayerRequantisation} does a layer and measures what it cost.
 */
package dev.sluice.bundler.quant;
