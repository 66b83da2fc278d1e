package dev.sluice.engine.session;

import dev.sluice.storage.plan.DeviceModel;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import java.util.Comparator;
import java.util.Optional;

/**
 * What a single token is expected to take with a predictor under a RAM ceiling, known before anything large is loaded.
 *
 * @param needs beside slots
 * @param plan the split; empty when the ceiling is below the floor
 * @param reads with that many slots; empty like it
 * @param denseBytes resident weights that each token passes over
 * @param beforeFfnBytes of them, those of attention
 * @param bundleBytes of one bundle
 */
public record TokenForecast(PredictorChoice predictor, MemoryNeeds needs,
    Optional<MemoryPlan> plan, Optional<ReadForecast> reads, long denseBytes, long beforeFfnBytes,
    int bundleBytes) {

  /**
   * Speeds of a machine.
   *
   * @param weightBytesPerSecond at which kernels pass over weights
   */
  public record Speeds(DeviceModel device, double weightBytesPerSecond) {
    /** A laptop's NVMe and two of its cores: for choices that must not depend on the moment. */
    public static final Speeds USUAL = new Speeds(new DeviceModel(20, 1.5e9), 8e9);
  }

  /** @throws dev.sluice.storage.BadInputException if the store has no such predictor */
  public static TokenForecast of(Store store, PredictorChoice predictor, RunShape shape,
      long ramBytes, ReadPlanner.Limits limits) {
    MemoryNeeds needs = MemoryNeeds.of(store, predictor, shape);
    Optional<MemoryPlan> plan = ramBytes < MemoryPlan.floorBytes(store, needs) ? Optional.empty()
        : Optional.of(MemoryPlan.ofProcess(store, predictor, shape, ramBytes));
    long head = store.denseTensors().stream()
        .filter(tensor -> tensor.name().equals("head") || tensor.name().equals("embed"))
        .mapToLong(DenseTensor::bytes).min().orElse(0);
    long dense = needs.denseBytes() + needs.scaleBytes() + needs.predictorBytes();
    return new TokenForecast(predictor, needs, plan,
        plan.map(split -> ReadForecast.of(store, predictor, split.slots(), limits)),
        dense, Math.max(0, needs.denseBytes() - head), store.spec().bundleBytes());
  }

  /**
   * The predictor of a store with which a token is expected to take least under a ceiling, of those that fit; empty if the
   * store does not know what its predictors name. All are calibrated to the same recall, so time decides.
   */
  public static Optional<PredictorChoice> quickest(Store store, RunShape shape, long ramBytes,
      ReadPlanner.Limits limits) {
    if (!store.blobKeys().contains(StoreKeys.NAMED_SHARES)) {
      return Optional.empty();
    }
    return PredictorChoice.of(store).stream()
        .map(choice -> of(store, choice, shape, ramBytes, limits))
        .filter(forecast -> forecast.plan.isPresent())
        .min(Comparator.comparingDouble(forecast -> forecast.millis(Speeds.USUAL)))
        .map(TokenForecast::predictor);
  }

  /** What reads take by the device model, if nothing else is done meanwhile. */
  public double ioMillis(Speeds speeds) {
    ReadForecast all = reads.orElseThrow();
    return speeds.device().millis(all.reads().requests(), all.reads().bytes());
  }

  /** What passing over resident weights and over bundles takes. */
  public double workMillis(Speeds speeds) {
    return millis(denseBytes + reads.orElseThrow().namedBundles() * bundleBytes, speeds);
  }

  /**
   * All together: reads hide behind resident bundles, and those that a predictor asks for early behind attention too. Asked for an
   * FFN ahead they pass behind more, but what they pass behind takes longer (docs/large-models.md).
   */
  public double millis(Speeds speeds) {
    ReadForecast all = reads.orElseThrow();
    double resident = Math.max(0, all.namedBundles() - all.reads().misses()) * bundleBytes;
    double meanwhile =
        resident + (predictor.input() == PredictorInput.FFN ? 0 : beforeFfnBytes);
    return workMillis(speeds) + Math.max(0, ioMillis(speeds) - millis(meanwhile, speeds));
  }

  private static double millis(double bytes, Speeds speeds) {
    return 1e3 * bytes / speeds.weightBytesPerSecond();
  }
}
