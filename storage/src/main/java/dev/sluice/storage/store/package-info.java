/**
 * The store: one model on disk as a folder {@code NAME.sluice/}, with its FFN neurons laid out for flash. {@link
 * dev.sluice.storage.store.StoreFormat} holds the byte layout, {@link dev.sluice.storage.store.StoreWriter} builds a
 * folder nobody sees until it is whole, {@link dev.sluice.storage.store.Store} opens one and trusts nothing in it
 * before a checksum has been compared. Importer, packer and engine meet only here, in files.
 */
package dev.sluice.storage.store;
