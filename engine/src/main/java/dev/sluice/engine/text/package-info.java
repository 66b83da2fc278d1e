/**
 * Text in and out of the model: the byte-level BPE {@link dev.sluice.engine.text.Tokenizer} read
 * from a checkpoint's {@code tokenizer.json}, the strict reader {@link
 * dev.sluice.engine.text.TextFile}, and {@link dev.sluice.engine.text.Utf8Stream}, which turns
 * token bytes into text without ever showing half a character.
 *
 * <p>Everything here is exact: text that is not valid Unicode is refused rather than repaired, and
 * decoding what was encoded gives the same text back (in normal form C where the tokenizer asks for
 * it).
 */
package dev.sluice.engine.text;
