package dev.sluice.bench.peers;

import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/**
 * llama.cpp over a GGUF file, by the driver script {@code llama.mjs}.
 *
 * @param maxDecodeSeconds after this long it evaluates no further token
 */
record LlamaRival(
    String name, String family, String description, LlamaPackage llama, Path model, Limit limit,
    Loading loading, double maxDecodeSeconds) implements Rival {

  /** How weights come into memory. */
  enum Loading {
    /** Mapped: pages come when they are touched and go when memory is short. */
    MAPPED,
    /** Read into memory of the process's own. */
    COPIED
  }

  @Override
  public List<String> command(Job job) {
    return command(job, "decode");
  }

  /** Also prints the likelihood of each given token, which takes time: such a run is for quality, not for speed. */
  List<String> commandForLikelihoods(Job job) {
    return command(job, "likelihoods");
  }

  /** Reads the file's metadata and runs nothing. */
  List<String> commandForMetadata(Path settingFile) {
    return node(settingFile, common("describe"));
  }

  private List<String> command(Job job, String task) {
    Map<String, Object> setting = common(task);
    setting.put("mmap", loading == Loading.MAPPED);
    setting.put("threads", job.threads());
    setting.put("prompt_ids", job.tokens().promptIds());
    setting.put("continuation_ids", job.tokens().continuationIds());
    setting.put("max_decode_s", maxDecodeSeconds);
    return node(job.setting(), setting);
  }

  private Map<String, Object> common(String task) {
    Map<String, Object> setting = new LinkedHashMap<>();
    setting.put("task", task);
    setting.put("package", llama.folder().toString());
    setting.put("model", model.toAbsolutePath().toString());
    return setting;
  }

  private static List<String> node(Path settingFile, Map<String, Object> setting) {
    Path script = settingFile.resolveSibling("llama.mjs");
    try {
      Files.writeString(settingFile, JsonMapper.builder().build().writeValueAsString(setting));
      Files.writeString(script, LlamaPackage.driver());
    } catch (IOException e) {
      throw new FaultException(settingFile,
          "cannot be written (" + FaultException.reason(e) + ")", "free some space there", e);
    }
    return List.of("node", script.toString(), settingFile.toString());
  }
}
