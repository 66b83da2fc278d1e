/**
 * Views of a {@link dev.sluice.bench.compare.Comparison} or of
 * {@link dev.sluice.bench.peers.PeerComparison peer runs}: a terminal table, one JSON object, one HTML file. They measure
 * nothing. Console and HTML print the same {@link dev.sluice.bench.report.Table tables}, so no figure is formatted twice;
 * the page's charts are drawn from the JSON that it carries.
 */
package dev.sluice.bench.report;
