package dev.sluice.bundler.importer;

import dev.sluice.bundler.checkpoint.Checkpoint;
import dev.sluice.bundler.checkpoint.DenseWeight;
import dev.sluice.bundler.checkpoint.FfnWeights;
import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.NeuronSource;
import dev.sluice.storage.store.StoreRepair;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A checkpoint as what a store was made of: the bytes that {@link Importer} would write. The checkpoint stays the caller's. */
public final class CheckpointSource implements StoreRepair.Source {
  private static final Pattern OF_COLUMNS =
      Pattern.compile("layers\\.([0-9]{1,6})\\.ffn\\.down\\.(scales|mins)");

  private final Checkpoint checkpoint;

  public CheckpointSource(Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
  }

  @Override
  public Object name() {
    return checkpoint.path();
  }

  @Override
  public ModelSpec spec() {
    return checkpoint.spec();
  }

  @Override
  public Optional<MemorySegment> tensor(DenseTensor tensor, SegmentAllocator memory) {
    for (DenseWeight weight : checkpoint.dense()) {
      if (weight.name().equals(tensor.name())) {
        return Optional.of(checkpoint.readDense(weight, memory));
      }
    }
    Matcher columns = OF_COLUMNS.matcher(tensor.name());
    if (!columns.matches() || Integer.parseInt(columns.group(1)) >= spec().layers()) {
      return Optional.empty();
    }
    return checkpoint.readFfn(Integer.parseInt(columns.group(1)), memory).scales().stream()
        .filter(scales -> scales.name().equals(tensor.name()))
        .map(FfnWeights.ColumnScales::data)
        .findFirst();
  }

  @Override
  public NeuronSource layer(int layer, SegmentAllocator memory) {
    return checkpoint.readFfn(layer, memory)::copyBundle;
  }
}
