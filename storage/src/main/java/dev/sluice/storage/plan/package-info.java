/** Turns the byte ranges that a token wants into the requests that a device likes. Pure arithmetic, no I/O. */
package dev.sluice.storage.plan;
