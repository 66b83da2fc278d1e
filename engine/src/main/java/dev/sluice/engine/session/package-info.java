/**
 * Running a model: an immutable {@link dev.sluice.engine.session.Engine} (store, resident weights, rule, predictor) and one
 * mutable {@link dev.sluice.engine.session.Session} per text, which owns the cache, the reader and the ledger.
 */
package dev.sluice.engine.session;
