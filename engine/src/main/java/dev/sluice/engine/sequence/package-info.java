/**
 * Methods that choose neurons once for a text, from its prompt: threshold-based dynamic activation and GRIFFIN. While a prompt
 * goes through the model, scores of its neurons are gathered; from then on the neurons that they name are the only ones.
 */
package dev.sluice.engine.sequence;
