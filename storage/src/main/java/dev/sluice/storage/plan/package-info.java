/**
 * Turns the byte ranges that a token wants into the requests that a device likes. Pure arithmetic, but for {@link
 * dev.sluice.storage.plan.DeviceProbe}, which finds out what the device likes, and {@link
 * dev.sluice.storage.plan.DeviceModels}, which remembers it.
 */
package dev.sluice.storage.plan;
