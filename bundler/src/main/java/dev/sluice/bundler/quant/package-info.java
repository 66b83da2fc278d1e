/**
 * Weights in fewer bits: {@link dev.sluice.bundler.quant.Requantisation} says which parts of a model become what,
 * {@link dev.sluice.bundler.quant.BlockFit} finds integers and scale of one block by least squares, rows are encoded as
 * ggml's blocks and columns as integers whose scales stay resident, and {@link
 * dev.sluice.bundler.quant.LayerRequantisation} does a layer and measures what it cost. Resident matrices, of attention and the
 * head, are done by {@link dev.sluice.bundler.quant.MatrixRequantisation}.
 */
package dev.sluice.bundler.quant;
