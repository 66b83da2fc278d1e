/**
 * The window cache: which bundles of the FFN are resident, and in which slot.
 *
 * <p>The package hands out slot numbers and nothing else; whoever owns the memory behind the slots
 * reads bundles into them. Residency is kept twice, for two speeds: bitmaps and one flat array
 * answer the hot path for each bundle, and a Caffeine cache keeps account of whole segments
 * (weight, expiry) once per token. Both agree at every token boundary, the only moment at which
 * slots change hands.
 */
package dev.sluice.storage.cache;
