package dev.sluice.bench.synth;

/**
 * Draws token ids in stretches of one topic, of geometric length: what a token's embedding has in common with others of
 * its topic is what neurons are reused by. Seeded; immutable.
 *
 * @param topicTokens mean length of a stretch
 */
record TokenLists(long seed, int vocabulary, double topicTokens) {
  /** Topics of a vocabulary: a token's is its id modulo this. */
  static final int TOPICS = 64;

  static int topic(int token) {
    return token % TOPICS;
  }

  /** One list; lists of different numbers share nothing but the topics. The last token, which ends a text, never comes. */
  int[] draw(int list, int tokens) {
    Noise noise = Noise.of(seed, Noise.Purpose.TOKEN_LIST, list, 0);
    int[] ids = new int[tokens];
    int topic = noise.below(TOPICS);
    int perTopic = (vocabulary - 1) / TOPICS;
    for (int t = 0; t < tokens; t++) {
      if (noise.uniform() * topicTokens < 1) {
        topic = noise.below(TOPICS);
      }
      ids[t] = noise.below(perTopic) * TOPICS + topic;
    }
    return ids;
  }
}
