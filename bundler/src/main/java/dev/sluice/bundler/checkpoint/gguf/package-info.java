/**
 * GGUF files as files: metadata and tensors, without knowing what they mean to a model. Everything in such a file is
 * untrusted. {@link dev.sluice.bundler.checkpoint.gguf.GgufFile} checks all of it when it opens a file, before it takes
 * memory for it, and what it takes is never more than the file's own size; arrays of metadata stay in the file until
 * someone asks for them. The byte layout stands in {@link dev.sluice.bundler.checkpoint.gguf.GgufFormat}.
 */
package dev.sluice.bundler.checkpoint.gguf;
