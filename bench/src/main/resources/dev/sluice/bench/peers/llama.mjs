// Runs llama.cpp through node-llama-cpp over given tokens and prints one JSON object. What is timed is an ordinary
// decode: every continuation token is evaluated alone, its logits are computed and the most likely next token is chosen;
// only then is the choice put aside for the token that was given.
//   node llama.mjs SETTING.json
// SETTING: task (describe the file; decode; or decode and print likelihoods), package (folder of node-llama-cpp), model,
// mmap, threads, prompt_ids, continuation_ids, max_decode_s (no further token is begun after it)
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const setting = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const about = JSON.parse(fs.readFileSync(path.join(setting.package, 'package.json'), 'utf8'));
const { getLlama, LlamaLogLevel, readGgufFileInfo } = await import(pathToFileURL(path.join(setting.package, about.main ?? 'dist/index.js')).href);

/** Counters of this process so far: CPU seconds, bytes fetched from devices, page faults that waited for a device. */
function counters() {
  const use = process.resourceUsage();
  const io = fs.readFileSync('/proc/self/io', 'utf8');
  return {
    cpu_s: (use.userCPUTime + use.systemCPUTime) / 1e6,
    read_bytes: Number(/^read_bytes: (\d+)/m.exec(io)[1]),
    major_faults: use.majorPageFault,
    at: performance.now(),
  };
}

function spent(before, after) {
  return {
    ms: after.at - before.at,
    cpu_s: after.cpu_s - before.cpu_s,
    read_bytes: after.read_bytes - before.read_bytes,
    major_faults: after.major_faults - before.major_faults,
  };
}

/** Prints one object and ends: what llama.cpp holds is given back with the process. */
function finish(object) {
  fs.writeSync(1, JSON.stringify(object) + '\n');
  process.exit(0);
}

if (setting.task === 'describe') {
  const file = await readGgufFileInfo(setting.model, { ignoreKeys: ['tokenizer.ggml.merges'] });
  const shape = file.metadata[file.metadata.general.architecture] ?? {};
  const heads = shape.attention?.head_count_kv ?? shape.attention?.head_count ?? 0;
  const width = shape.embedding_length / shape.attention?.head_count;
  const positionValues = shape.block_count * heads * ((shape.attention?.key_length ?? width) + (shape.attention?.value_length ?? width));
  const weights = (tensor) => tensor.dimensions.reduce((product, size) => product * Number(size), 1);
  finish({
    general: file.metadata.general,
    weights: file.fullTensorInfo.reduce((sum, tensor) => sum + weights(tensor), 0),
    key_value_bytes_per_position: 2 * positionValues,
  });
}

const begun = counters();
const llama = await getLlama({
  gpu: false, build: 'never', skipDownload: true, progressLogs: false, logLevel: LlamaLogLevel.error, maxThreads: setting.threads,
});
const model = await llama.loadModel({
  modelPath: setting.model, gpuLayers: 0, useMmap: setting.mmap, ignoreMemorySafetyChecks: true,
});
const context = await model.createContext({
  contextSize: setting.prompt_ids.length + setting.continuation_ids.length + 1,
  threads: setting.threads, batchSize: Math.min(512, setting.prompt_ids.length), ignoreMemorySafetyChecks: true,
});
const sequence = context.getSequence();
const loaded = counters();

const wanted = { probabilities: setting.task === 'likelihoods' };
const chosen = [];
const nats = [];
const tokenMillis = [];
function keep(result, following) {
  chosen.push(result.value.token);
  if (wanted.probabilities && following !== undefined) {
    nats.push(-Math.log(result.value.probabilities.get(following)));
  }
}

const steps = sequence.evaluateWithMetadata(setting.prompt_ids, wanted, { temperature: 0, yieldEogToken: true });
keep(await steps.next(), setting.continuation_ids[0]);
const prompted = counters();
let last = prompted.at;
for (let i = 0; i < setting.continuation_ids.length; i++) {
  const result = await steps.next(setting.continuation_ids[i]);
  const now = performance.now();
  tokenMillis.push(now - last);
  last = now;
  keep(result, setting.continuation_ids[i + 1]);
  if (now - prompted.at > 1e3 * setting.max_decode_s) {
    break;
  }
}
const decoded = counters();

const general = model.fileInfo.metadata.general ?? {};
finish({
  engine: 'node-llama-cpp ' + about.version + ', llama.cpp ' + llama.llamaCppRelease.release,
  cpu: llama.cpuMathCores + ' cores, ' + llama.systemInfo.trim(),
  general,
  load: spent(begun, loaded),
  prompt_ms: prompted.at - loaded.at,
  token_ms: tokenMillis,
  prompt: spent(loaded, prompted),
  decode: spent(prompted, decoded),
  peak_rss_bytes: process.resourceUsage().maxRSS * 1024,
  argmax_ids: chosen,
  nats: wanted.probabilities ? nats : undefined,
});
