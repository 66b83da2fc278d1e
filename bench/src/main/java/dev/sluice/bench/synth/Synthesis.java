package dev.sluice.bench.synth;

import dev.sluice.bench.compare.Progress;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.store.Existing;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a synthetic model is made from; the same gives the same bytes.
 *
 * @param seed of all weights and token lists
 */
public record Synthesis(ModelShape shape, Profile profile, long seed) {
  /** Stands wherever a figure of such a model does. */
  public static final String LABEL = "synthetic weights, published statistics";

  /** Tokens to make orders, hot sets and predictors from. */
  public static final int CALIBRATION_TOKENS = 2048;

  /** Teacher-forced lists. */
  public static final int LISTS = 4;

  /** Tokens of a list's prompt. */
  public static final int PROMPT_TOKENS = 128;

  /** Tokens of its continuation. */
  public static final int CONTINUATION_TOKENS = 256;

  /** Share of neurons that a gated model keeps: CATS (arXiv 2404.08763), of Mistral-7B. */
  private static final double OPEN_GATES = 0.5;

  /** A prompt and what follows it, whatever an engine would have chosen. */
  record TokenList(int[] promptIds, int[] continuationIds) {
    int[] ids() {
      int[] all = Arrays.copyOf(promptIds, promptIds.length + continuationIds.length);
      System.arraycopy(continuationIds, 0, all, promptIds.length, continuationIds.length);
      return all;
    }
  }

  /** The token lists' file of a model's file: NAME.tokens.json beside NAME.gguf. */
  public static Path tokensFile(Path gguf) {
    String file = gguf.getFileName().toString();
    String base = file.endsWith(".gguf") ? file.substring(0, file.length() - 5) : file;
    return gguf.resolveSibling(base + ".tokens.json");
  }

  SyntheticModel model() {
    return new SyntheticModel(shape, planting(), seed, modelName());
  }

  private String modelName() {
    return "synthetic-" + shape.ffn().architecture() + "-" + profile.key() + "-seed" + seed;
  }

  int[] calibration() {
    return lists().draw(0, CALIBRATION_TOKENS);
  }

  List<TokenList> tokenLists() {
    List<TokenList> all = new ArrayList<>();
    for (int list = 1; list <= LISTS; list++) {
      int[] ids = lists().draw(list, PROMPT_TOKENS + CONTINUATION_TOKENS);
      all.add(
          new TokenList(
              Arrays.copyOf(ids, PROMPT_TOKENS),
              Arrays.copyOfRange(ids, PROMPT_TOKENS, ids.length)));
    }
    return all;
  }

  private TokenLists lists() {
    return new TokenLists(seed, shape.vocabulary(), profile.planting().topicTokens());
  }

  /** A SwiGLU model has its gates' open share; all else that is published of sparse activity is of ReLU models. */
  private Planting planting() {
    return switch (shape.ffn()) {
      case RELU2 -> profile.planting();
      case SWIGLU ->
          profile.planting().withThreshold(
              PlantingFit.meanFor(OPEN_GATES, profile.planting().thresholdSpread()),
              profile.planting().thresholdSpread());
    };
  }

  ActivityStatistics target() {
    return switch (shape.ffn()) {
      case RELU2 -> profile.target();
      case SWIGLU ->
          new ActivityStatistics(OPEN_GATES, Double.NaN, Double.NaN, Double.NaN, Double.NaN);
    };
  }

  /** Bytes of the model's file. */
  public long fileBytes() {
    GgufHeader header = model().header();
    return header.encode().length + header.weightBytes();
  }

  /** Writes model and token lists; each appears whole or not at all, the lists last. */
  public void write(Path gguf, Existing existing, Workers workers, Progress progress) {
    SyntheticModel model = model();
    byte[] tokens = tokensJson();
    Path tokensFile = tokensFile(gguf);
    try (PartialFile lists = PartialFile.create(tokensFile, existing, tokens.length)) {
      new GgufWriter(workers, progress).write(gguf, existing, model.header(), model);
      lists.write(ByteBuffer.wrap(tokens), 0);
      lists.publish();
    }
  }

  private byte[] tokensJson() {
    List<Map<String, Object>> lists = new ArrayList<>();
    for (TokenList list : tokenLists()) {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("prompt_ids", list.promptIds());
      entry.put("continuation_ids", list.continuationIds());
      lists.add(entry);
    }
    Map<String, Object> root = new LinkedHashMap<>();
    root.put("about", LABEL);
    root.put("model", modelName());
    root.put("profile", profile.key());
    root.put("seed", seed);
    root.put("calibration_ids", calibration());
    root.put("lists", lists);
    return JsonMapper.shared().writeValueAsBytes(root);
  }
}
