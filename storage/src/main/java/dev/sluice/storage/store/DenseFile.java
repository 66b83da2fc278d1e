package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
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
    boolean shaped =
        !shape.isEmpty()
            && shape.size() <= DirectoryFormat.MAX_DIMENSIONS
            && shape.stream().allMatch(extent -> extent > 0);
    if (!shaped || DirectoryFormat.tensorBytes(name, type, shape) != data.byteSize()) {
      throw new BadInputException(
          "tensor " + name,
          data.byteSize() + " bytes cannot have shape " + shape + " of " + type,
          "check the checkpoint");
    }
    boolean named = !name.isEmpty() && name.length() <= DirectoryFormat.MAX_TENSOR_NAME;
    if (!named || names.contains(name) || names.size() == DirectoryFormat.MAX_TENSORS) {
      throw new BadInputException(
          "tensor " + name, "is there twice, or its name cannot be used", "check the checkpoint");
    }
    padTo(Math.ceilDiv(file.bytes(), StoreFormat.DENSE_ALIGNMENT_BYTES)
        * (long) StoreFormat.DENSE_ALIGNMENT_BYTES);
    names.add(name);
    tensors.add(new DenseTensor(name, type, shape, file.bytes(), data.byteSize()));
    file.append(data);
  }

  /** Those written so far, in file order. */
  List<DenseTensor> tensors() {
    return List.copyOf(tensors);
  }

  /** Pads to whole pages and flushes; returns the directory. */
  List<DenseTensor> finish() throws IOException {
    padTo(StoreFormat.wholePages(file.bytes()));
    file.flush();
    file.force();
    return tensors();
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
