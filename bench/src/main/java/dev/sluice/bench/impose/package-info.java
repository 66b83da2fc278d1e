/**
 * A predictor whose hits and misses are imposed instead of its own: for throughput on synthetic weights, whose planted
 * structure would flatter any predictor fitted to them. {@link dev.sluice.bench.impose.DenseFirings} records which neurons
 * fire in a dense run over given tokens; {@link dev.sluice.bench.impose.ImposedPredictor} names them with published rates
 * of misses and false alarms, while a real predictor does its work beside it, so that its cost is paid.
 */
package dev.sluice.bench.impose;
