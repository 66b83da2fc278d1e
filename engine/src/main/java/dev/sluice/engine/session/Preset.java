package dev.sluice.engine.session;

import dev.sluice.engine.ffn.Residency.Pinning;
import dev.sluice.storage.cache.CachePolicy;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.cache.WindowCache;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What other systems do, as far as it is a matter of what is read, kept and skipped here: kernels, threads and formats stay ours,
 * and so do thresholds. docs/presets.md says what each keeps of its paper and what it leaves out.
 */
public enum Preset {
  /** FlexGen (2303.06865) and BMInf without a cache: every layer is read whole for every token. */
  DENSE_STREAMING("dense-streaming", Foresight.NONE, 0, nothing(), Merge.GAPS),
  /** FlexGen with a part of the weights resident: half pinned, the rest streamed; the strongest simple control. */
  PINNED_HALF("pinned-half", Foresight.NONE, 1, nothing(), Merge.GAPS),
  /** Deja Vu (2310.17157): the top-k of a trained predictor; nothing is said of memory, so what was used last stays. */
  DEJAVU("dejavu", Foresight.TOP, 0, new CachePolicy.Lru(), Merge.SAME_PAGE),
  /** LLM in a flash (2312.11514): low-rank predictor, window of five tokens, row-column bundles, chunks of 32 KiB and more. */
  LLM_IN_A_FLASH("llm-in-a-flash", Foresight.TRAINED, 0,
      new CachePolicy.Recent(Window.fixed(5), WindowCache.DEFAULT_SEGMENT_BUNDLES),
      Merge.CHUNKS),
  /** PowerInfer (2312.12456): the hot neurons of a trace are resident, of the cold ones those predicted are fetched. */
  POWERINFER("powerinfer", Foresight.TRAINED, 1, nothing(), Merge.SAME_PAGE),
  /** PowerInfer-2 (2406.06282): half hot, half a cache of cold neurons; gated models by the gate first, then up and down. */
  POWERINFER2("powerinfer2", Foresight.GATE_FIRST, 0.5, new CachePolicy.Lru(), Merge.SAME_PAGE),
  /** Ripple (2410.19274): its order is the store's; reads run over gaps, and long runs are seldom admitted to the cache. */
  RIPPLE("ripple", Foresight.TRAINED, 0, new CachePolicy.Ripple(CachePolicy.SEED), Merge.GAPS),
  /**
   * MoEfication (2110.01786): balanced experts chosen by a router. Nothing is said of memory, and what was used last would be of no
   * use where a token's experts are more than the slots, so slots are used as ours are.
   */
  MOEFICATION("moefication", Foresight.EXPERTS, 0.9, CachePolicy.usual(), Merge.GAPS),
  /** DIP-CA (2412.01380): of the neurons that would have to be read, the small ones are left out, as a budget allows. */
  DIP_CA("dip-ca", Foresight.CACHE_AWARE, 0, new CachePolicy.Lru(), Merge.GAPS),
  /** What runs without a preset. */
  SLUICE("sluice", Foresight.OURS, 0.9, CachePolicy.usual(), Merge.GAPS);

  /** Who names neurons. */
  private enum Foresight {
    NONE,
    TOP,
    TRAINED,
    GATE_FIRST,
    EXPERTS,
    CACHE_AWARE,
    OURS
  }

  /** How reads are joined. */
  private enum Merge {
    GAPS,
    CHUNKS,
    SAME_PAGE
  }

  private static final int CHUNK_BYTES = 32 << 10;

  private static final int CACHE_AWARE_PERCENT = 5;

  private final String key;
  private final Foresight foresight;
  private final double pinnedShare;
  private final CachePolicy policy;
  private final Merge merge;

  Preset(String key, Foresight foresight, double pinnedShare, CachePolicy policy, Merge merge) {
    this.key = key;
    this.foresight = foresight;
    this.pinnedShare = pinnedShare;
    this.policy = policy;
    this.merge = merge;
  }

  private static CachePolicy nothing() {
    return new CachePolicy.Recent(Window.fixed(0), WindowCache.DEFAULT_SEGMENT_BUNDLES);
  }

  /** As on the command line. */
  public String key() {
    return key;
  }

  /** Keys of all. */
  public static List<String> keys() {
    return Arrays.stream(values()).map(Preset::key).toList();
  }

  /** The preset of a key. */
  public static Optional<Preset> of(String key) {
    return Arrays.stream(values()).filter(preset -> preset.key.equals(key)).findFirst();
  }

  /** Whether every neuron is read and computed, so that no threshold is meant to leave any out. */
  public boolean isDense() {
    return foresight == Foresight.NONE;
  }

  /** Share of the slots that hold bundles for good. */
  public double pinnedShare() {
    return pinnedShare;
  }

  /** Which bundles those are. */
  public Pinning pinning() {
    return foresight == Foresight.NONE ? Pinning.FIRST : Pinning.MOST_FREQUENT;
  }

  /** Who stays in the other slots. */
  public CachePolicy policy() {
    return policy;
  }

  /** How reads are merged, given how they usually are. */
  public ReadPlanner.Limits merging(ReadPlanner.Limits usual) {
    return switch (merge) {
      case GAPS -> usual;
      case CHUNKS ->
          new ReadPlanner.Limits(usual.pageBytes(), CHUNK_BYTES, usual.maxRequestBytes());
      case SAME_PAGE -> usual.unmerged();
    };
  }

  /**
   * Who names neurons, of what a store has: empty if the preset leaves it to the default, which is a copy of few bits. The
   * trained network of the smallest rank is taken, where there is none the smallest low-rank map; that also where experts or a
   * copy are wanted and missing.
   */
  public Optional<PredictorChoice> predictor(Store store) {
    return switch (foresight) {
      case NONE -> Optional.of(PredictorChoice.ALL);
      case OURS -> Optional.empty();
      case TOP -> trained(store).map(choice -> choice.kind() == PredictorChoice.Kind.TRAINED
          ? PredictorChoice.parse(choice + "-top") : choice);
      case TRAINED -> trained(store);
      case GATE_FIRST -> store.spec().form() == FfnForm.GATED && store.spec().hasResidentGate()
          ? Optional.of(PredictorChoice.GATE) : trained(store);
      case EXPERTS -> ifKept(PredictorChoice.moefication(), store);
      case CACHE_AWARE -> ifKept(PredictorChoice.cacheAware(CACHE_AWARE_PERCENT), store);
    };
  }

  /** Whether a store has what the preset is about: without its experts or its copy it would be another system. */
  public boolean isComplete(Store store) {
    return switch (foresight) {
      case EXPERTS -> isKept(PredictorChoice.moefication(), store);
      case CACHE_AWARE -> isKept(PredictorChoice.cacheAware(CACHE_AWARE_PERCENT), store);
      case NONE, OURS, TOP, TRAINED, GATE_FIRST -> true;
    };
  }

  private static boolean isKept(PredictorChoice choice, Store store) {
    return StoreKeys.predictors(store).contains(choice.stored());
  }

  private static Optional<PredictorChoice> ifKept(PredictorChoice choice, Store store) {
    return isKept(choice, store) ? Optional.of(choice) : trained(store);
  }

  private static Optional<PredictorChoice> trained(Store store) {
    List<PredictorChoice> all =
        StoreKeys.predictors(store).stream().map(PredictorChoice::parse).toList();
    return Stream.of(PredictorChoice.Kind.TRAINED, PredictorChoice.Kind.LOW_RANK)
        .flatMap(kind -> all.stream()
            .filter(choice -> choice.kind() == kind && choice.input() == PredictorInput.FFN)
            .sorted((a, b) -> Integer.compare(a.rank(), b.rank())))
        .findFirst();
  }
}
