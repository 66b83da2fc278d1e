package dev.sluice.cli;

import dev.sluice.engine.ledger.Summary;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.MemoryNeeds;
import dev.sluice.engine.session.MemoryPlan;
import dev.sluice.engine.session.Session;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** A run's ledger, as one line for people and as an object for programs. */
final class LedgerText {
  private LedgerText() {}

  static String line(Summary s, Session session, Engine engine, MemoryPlan plan) {
    if (s.tokens() == 0) {
      return String.format(
          Locale.ROOT, "ledger: %s; no token was decoded after it", prompt(session));
    }
    return String.format(
        Locale.ROOT,
        "ledger: %d tokens decoded, %.1f ms each; per token %.1f KB read in %.1f requests (%.1f KB each, %.0f MB/s raw, "
            + "%.0f MB/s effective), %.2f ms in I/O; hit rate %.1f %%; %.0f of %d neurons active; %s, CETT %.4g, %s; "
            + "%d slots of %d bytes; %s; checksums %.2f ms%s",
        s.tokens(),
        s.millisPerToken(),
        s.bytesReadPerToken() / 1e3,
        s.requestsPerToken(),
        s.bytesPerRequest() / 1e3,
        s.rawMegabytesPerSecond(),
        s.effectiveMegabytesPerSecond(),
        s.ioMillisPerToken(),
        100 * s.hitRate(),
        s.activePerToken(),
        plan.allBundles(),
        engine.askedActivity().rule().key() + " rule",
        engine.askedActivity().cett(),
        "predictor " + engine.predictor(),
        plan.slots(),
        plan.slotBytes(),
        prompt(session),
        s.checkMillisPerToken(),
        repeats(s.repeats() + session.repeatsBesideTokens()));
  }

  private static String prompt(Session session) {
    return String.format(Locale.ROOT, "prompt read %.2f MB, waiting for it %.0f ms",
        session.promptBytesRead() / 1e6, session.promptWaitNanos() / 1e6);
  }

  private static String repeats(long repeats) {
    return repeats == 0 ? ""
        : "; " + repeats + (repeats == 1 ? " read was" : " reads were")
            + " wrong and read again: the disk may be failing";
  }

  static Map<String, Object> object(Summary s) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("tokens", s.tokens());
    object.put("bytes_read_per_token", s.bytesReadPerToken());
    object.put("bytes_of_active_neurons_per_token", s.bytesUsedPerToken());
    object.put("requests_per_token", s.requestsPerToken());
    object.put("bytes_per_request", s.bytesPerRequest());
    object.put("raw_mb_per_s", s.rawMegabytesPerSecond());
    object.put("effective_mb_per_s", s.effectiveMegabytesPerSecond());
    object.put("io_ms_per_token", s.ioMillisPerToken());
    object.put("ms_per_token", s.millisPerToken());
    object.put("predict_ms_per_token", s.predictMillisPerToken());
    object.put("cache_ms_per_token", s.cacheMillisPerToken());
    object.put("check_ms_per_token", s.checkMillisPerToken());
    object.put("memory_ms_per_token", s.memoryMillisPerToken());
    object.put("ffn_compute_ms_per_token", s.computeMillisPerToken());
    object.put("attention_ms_per_token", s.attentionMillisPerToken());
    object.put("head_ms_per_token", s.headMillisPerToken());
    object.put("hit_rate", s.hitRate());
    object.put("hit_rate_p99", s.hitRateP99());
    object.put("active_neurons_per_token", s.activePerToken());
    object.put("predicted_neurons_per_token", s.predictedPerToken());
    object.put("misses_per_token", s.missesPerToken());
    object.put("reads_repeated", s.repeats());
    return object;
  }

  static Map<String, Object> memory(MemoryPlan plan) {
    Map<String, Object> object = new LinkedHashMap<>();
    MemoryNeeds needs = plan.needs();
    object.put("budget_bytes", plan.budgetBytes());
    object.put("dense_bytes", needs.denseBytes());
    object.put("scale_bytes", needs.scaleBytes());
    object.put("key_value_bytes", needs.keyValueBytes());
    object.put("predictor_bytes", needs.predictorBytes());
    object.put("staging_bytes", needs.stagingBytes());
    object.put("spill_bytes", plan.spillBytes());
    object.put("layer_buffer_bytes", needs.layerBufferBytes());
    object.put("prompt_bytes", needs.promptBytes());
    object.put("index_bytes", needs.indexBytes());
    object.put("heap_limit_bytes", needs.jvm().heapBytes());
    object.put("spare_heap_bytes", needs.jvm().spareHeapBytes());
    object.put("code_cache_bytes", needs.jvm().codeCacheBytes());
    object.put("metaspace_bytes", needs.jvm().metaspaceBytes());
    object.put("direct_buffer_bytes", needs.jvm().directBytes());
    object.put("native_bytes", needs.jvm().nativeBytes());
    object.put("slots", plan.slots());
    object.put("slot_bytes", plan.slotBytes());
    object.put("all_bundles", plan.allBundles());
    return object;
  }
}
