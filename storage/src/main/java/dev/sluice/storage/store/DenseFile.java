package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;

/** {@code dense.bin} while it is written: tensors one after another, each at a multiple of 64 bytes. */
final class DenseFile implements AutoCloseable {
  private final SequentialFile file;
  private final List<DenseTensor> tensors;
  private final Set<String> names = new HashSet<>();

  /**
   * @param tensors that {@code file} holds already
   */
  DenseFile(SequentialFile file, List<DenseTensor> tensors) {
    this.file = file;
    this.tensors = new ArrayList<>(tensors);
    tensors.forEach(tensor -> names.add(tensor.name()));
  }

  void append(String name, TensorType type, List<Integer> shape, MemorySegment data)
      throws IOException {
    long bytes = check(name, type, shape);
    if (bytes != data.byteSize()) {
      throw impossible(name, type, shape, data.byteSize());
    }
    append(name, type, shape, List.of(data).iterator());
  }

  /** @param pieces its bytes, in order */
  void append(String name, TensorType type, List<Integer> shape, Iterator<MemorySegment> pieces)
      throws IOException {
    long bytes = check(name, type, shape);
    padTo(Math.ceilDiv(file.bytes(), StoreFormat.DENSE_ALIGNMENT_BYTES)
        * (long) StoreFormat.DENSE_ALIGNMENT_BYTES);
    long begin = file.bytes();
    while (pieces.hasNext()) {
      file.append(pieces.next());
    }
    if (file.bytes() - begin != bytes) {
      throw new IllegalArgumentException(
          "tensor " + name + ": pieces of " + (file.bytes() - begin) + " bytes, not " + bytes);
    }
    names.add(name);
    tensors.add(new DenseTensor(name, type, shape, begin, bytes));
  }

  /** How many bytes a tensor has, if there can be one. */
  private long check(String name, TensorType type, List<Integer> shape) {
    boolean shaped =
        !shape.isEmpty()
            && shape.size() <= DirectoryFormat.MAX_DIMENSIONS
            && shape.stream().allMatch(extent -> extent > 0);
    if (!shaped) {
      throw impossible(name, type, shape, 0);
    }
    boolean named = !name.isEmpty() && name.length() <= DirectoryFormat.MAX_TENSOR_NAME;
    if (!named || names.contains(name) || names.size() == DirectoryFormat.MAX_TENSORS) {
      throw new BadInputException(
          "tensor " + name, "is there twice, or its name cannot be used", "check the checkpoint");
    }
    return DirectoryFormat.tensorBytes(name, type, shape);
  }

  private static BadInputException impossible(
      String name, TensorType type, List<Integer> shape, long bytes) {
    return new BadInputException(
        "tensor " + name, bytes + " bytes cannot have shape " + shape + " of " + type,
        "check the checkpoint");
  }

  /** Those written so far, in file order. */
  List<DenseTensor> tensors() {
    return List.copyOf(tensors);
  }

  /** Pads to whole pages and gives everything to the system; returns the directory. */
  List<DenseTensor> finish() throws IOException {
    padTo(StoreFormat.wholePages(file.bytes()));
    file.flush();
    return tensors();
  }

  /** After {@link #finish}: returns when everything is on the device. Any thread. */
  void force() throws IOException {
    file.force();
  }

  private void padTo(long offsetBytes) throws IOException {
    file.append(MemorySegment.ofArray(new byte[(int) (offsetBytes - file.bytes())]));
  }

  /** Digest and checksums of the finished file. */
  FileScan.Summary summary() {
    return file.summary();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
