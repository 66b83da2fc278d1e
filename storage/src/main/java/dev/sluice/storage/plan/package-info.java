/**
 * Turns the byte ranges that a token wants into the requests that a device likes. Pure arithmetic,
 * but for the probe that measures what a device likes.
 */
package dev.sluice.storage.plan;
