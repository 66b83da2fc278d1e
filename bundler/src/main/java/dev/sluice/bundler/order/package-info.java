/**
 * In which order a layer's neurons lie on disk, and how well an order groups what is read together.
 *
 * <p>{@link dev.sluice.bundler.order.RippleOrder} is the order under study; identity, random and frequency are its
 * controls, and an order is judged ({@link dev.sluice.bundler.order.RunLength}) only on tokens that it was not made
 * from. An order is a permutation, position on disk to neuron: no neuron is left out and none lies there twice.
 */
package dev.sluice.bundler.order;
