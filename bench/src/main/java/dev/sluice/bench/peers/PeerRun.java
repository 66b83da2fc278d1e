package dev.sluice.bench.peers;

import dev.sluice.bench.peers.Child.Outcome;
import dev.sluice.bench.peers.MemoryGroup.Occupancy;
import dev.sluice.bench.peers.MemoryGroup.Tally;
import java.util.List;

/**
 * One run, measured. The engine's JSON says how long the prompt and each token took; its first byte, which comes when the last
 * token is done, ties those times to the clock of the {@link Watch}.
 *
 * @param startMillis from the start of the process to the beginning of the prompt: loading, and the JVM's or node's own start
 * @param decode used from the end of the prompt to the end of the last token
 * @param later the same without the first {@link #FIRST_TOKENS} tokens; of nothing where there were no more
 * @param tokenTime null where the engine tells of none
 */
record PeerRun(
    double startMillis, Transcript transcript, Counters decode, Counters later, Tally tally,
    Occupancy fullest, TokenTime tokenTime) {
  /** What a user feels first; caches and the JVM's compilers warm up meanwhile. */
  static final int FIRST_TOKENS = 32;

  static PeerRun of(Outcome outcome, Transcript transcript, Tally tally, TokenTime tokenTime) {
    List<Double> times = transcript.tokenMillis();
    long end = outcome.answerNanos();
    long decoding = end - nanos(sum(times));
    long prompting = decoding - nanos(transcript.promptMillis());
    List<Double> rest = rest(times);
    return new PeerRun(
        (prompting - outcome.startNanos()) / 1e6,
        transcript,
        outcome.watch().between(decoding, end),
        outcome.watch().between(end - nanos(sum(rest)), end),
        tally,
        outcome.watch().fullest(),
        tokenTime);
  }

  List<Double> firstMillis() {
    List<Double> times = transcript.tokenMillis();
    return times.subList(0, Math.min(FIRST_TOKENS, times.size()));
  }

  List<Double> laterMillis() {
    return rest(transcript.tokenMillis());
  }

  int tokens() {
    return transcript.tokenMillis().size();
  }

  double tokensPerSecond() {
    return 1e3 * tokens() / sum(transcript.tokenMillis());
  }

  private static List<Double> rest(List<Double> times) {
    return times.subList(Math.min(FIRST_TOKENS, times.size()), times.size());
  }

  private static double sum(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).sum();
  }

  private static long nanos(double millis) {
    return Math.round(1e6 * millis);
  }
}
