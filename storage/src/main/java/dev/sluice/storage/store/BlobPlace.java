package dev.sluice.storage.store;

/**
 * A large value of the catalog, left on disk until it is asked for. LMDB keeps it in one piece behind an overflow header.
 *
 * @param offsetBytes in {@code catalog.mdb}
 */
record BlobPlace(long offsetBytes, long bytes) {}
