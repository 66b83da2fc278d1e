/**
 * Reads Hugging Face checkpoint folders: {@code config.json}, safetensors files (whole or in
 * shards) and {@code tokenizer.json}. Everything in such a folder is untrusted: lengths are checked
 * against the file before memory is taken, and every refusal is one line that names the file and
 * the tensor or key. What differs between architectures stands in one table, {@link
 * dev.sluice.bundler.checkpoint.Architecture}.
 */
package dev.sluice.bundler.checkpoint;
