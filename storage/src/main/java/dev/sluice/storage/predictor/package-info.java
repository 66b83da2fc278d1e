/**
 * What a predictor keeps in the store: the packed low-bit copy of the rows that decide activity, and the margins
 * calibrated for it. The bundler fits and writes it, the engine reads it and predicts; the decision arithmetic
 * ({@link dev.sluice.storage.predictor.MagnitudeBound}) is here so that both sides use the same.
 */
package dev.sluice.storage.predictor;
