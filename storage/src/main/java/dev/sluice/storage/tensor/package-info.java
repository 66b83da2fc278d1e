/** How weights are encoded: element types, their sizes and their explicit on-disk codes. */
package dev.sluice.storage.tensor;
