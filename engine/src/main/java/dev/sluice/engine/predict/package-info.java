/**
 * Which neurons to read: {@link dev.sluice.engine.predict.ActivePredictor} and its implementations. A predictor sees the
 * FFN's normed input and names the neurons that may be active, in neuron order; what it misses is lost, what it names
 * in vain is read in vain. One of them also asks what is resident: {@link dev.sluice.engine.predict.CacheAwarePredictor}.
 */
package dev.sluice.engine.predict;
