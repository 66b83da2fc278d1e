/**
 * How the next token is chosen from a model's logits: greedily, or by a seeded draw after the usual
 * filters. Apart from the engine's graph because it depends on nothing but numbers, and must be
 * reproducible on any machine.
 */
package dev.sluice.engine.sample;
