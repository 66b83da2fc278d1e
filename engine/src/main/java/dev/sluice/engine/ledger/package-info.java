/**
 * The ledger: what was read and why, per token and layer. Every figure that Sluice prints about a run comes from it.
 */
package dev.sluice.engine.ledger;
