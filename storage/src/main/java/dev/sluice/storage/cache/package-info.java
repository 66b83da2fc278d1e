/**
 * Which bundles of the FFN are resident, and in which slot: {@link dev.sluice.storage.cache.BundleCache}, and the policies
 * that decide it, {@link dev.sluice.storage.cache.CachePolicy}.
 *
 * <p>The package hands out slot numbers and nothing else; whoever owns the memory behind the slots reads bundles into them.
 * For all policies bitmaps and one flat array answer the hot path for each bundle. Pinned bundles are no policy's business.
 *
 * <p>The window cache keeps residency twice, for two speeds: beside the bitmaps a Caffeine cache keeps account of whole
 * segments (weight, expiry) once per token. Both agree at every token boundary, the only moment at which its slots change
 * hands. The others give slots away when they are needed, never those of the layer at hand.
 */
package dev.sluice.storage.cache;
