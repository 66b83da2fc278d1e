/**
 * The experiments of "ReLU² Wins" (arXiv 2402.03804) on any number of models, with the product's own engine, predictors and
 * readers. An {@link dev.sluice.bench.papers.Experiment} turns {@link dev.sluice.bench.papers.Measurements} of models into
 * {@link dev.sluice.bench.papers.Findings}: sentences, tables and charts. Measurements are kept in files named by all that they
 * depend on, so a run that was stopped goes on where it was. To add an experiment, write one class and name it in {@link
 * dev.sluice.bench.papers.Papers#experiments}.
 */
package dev.sluice.bench.papers;
