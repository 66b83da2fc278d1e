/**
 * What predictors keep in the store: packed low-bit copies with margins, thin int8 matrices with cuts, and both in a
 * cascade. The bundler fits and writes them, the engine reads them and predicts; the arithmetic that decides and rounds is
 * here so that both sides use the same.
 */
package dev.sluice.storage.predictor;
