package dev.sluice.bundler.checkpoint;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.ModelSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A model as someone published it, checked when opened: configuration, and that every tensor the graph needs is there with
 * the shape the configuration gives it. Weights are checked (finite) as they are read, the tokenizer by {@link
 * #tokenizerJson}. Reads may run on several threads at once.
 */
public sealed interface Checkpoint extends AutoCloseable permits HfCheckpoint, GgufCheckpoint {

  /**
   * Opens and checks a Hugging Face folder or a GGUF file, whichever {@code path} is.
   *
   * @throws BadInputException naming the file, and the key or tensor, at fault
   * @throws FaultException if the device fails
   */
  static Checkpoint open(Path path) {
    if (Files.isDirectory(path)) {
      return HfCheckpoint.open(path);
    }
    if (Files.isRegularFile(path)) {
      return GgufCheckpoint.open(path);
    }
    throw new BadInputException(
        path,
        "it is neither a folder nor a file",
        "give a GGUF file, or the folder that holds config.json");
  }

  /** The folder or file. */
  Path path();

  ModelSpec spec();

  /**
   * Reads the tokenizer and checks that it fits the model; some tenths of a second for 128,000 tokens, at each call.
   *
   * @return a tokenizer.json; empty if the checkpoint has no tokenizer
   * @throws BadInputException naming the file, and the key or token, at fault
   */
  Optional<byte[]> tokenizerJson();

  /** SHA-256 of what describes the model beside its weights, in hexadecimal. */
  String configDigest();

  /**
   * Tells this state of this checkpoint from all others, as far as sizes, times and headers of its files do; in
   * hexadecimal.
   */
  String identity();

  /** The resident tensors; the head is absent when it is the embedding. */
  List<DenseWeight> dense();

  /** Names of tensors in the checkpoint that the graph does not use. */
  List<String> ignoredTensors();

  /** What will not be in the store as it is in the checkpoint, one clause each; usually none. */
  List<String> notes();

  /** Reads all rows of a resident tensor, as the other one does. */
  default MemorySegment readDense(DenseWeight weight, SegmentAllocator memory) {
    return readDense(weight, 0, weight.rows(), memory);
  }

  /**
   * Reads rows of a resident tensor.
   *
   * @param firstRow a multiple of {@link DenseWeight#rowsTogether}, as {@code rows} is
   * @return native memory of exactly their bytes, of {@code memory}
   * @throws BadInputException naming the tensor and the first element that is not finite
   */
  MemorySegment readDense(
      DenseWeight weight, int firstRow, int rows, SegmentAllocator memory);

  /**
   * Reads the FFN of one layer; takes its bytes in {@code memory}, and those of down once more.
   *
   * @throws BadInputException naming the tensor and the first element that is not finite
   */
  FfnWeights readFfn(int layer, SegmentAllocator memory);

  @Override
  void close();
}
