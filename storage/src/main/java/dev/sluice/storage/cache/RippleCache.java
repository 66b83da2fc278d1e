package dev.sluice.storage.cache;

/**
 * Ripple's admission (Wang et al., 2024, arXiv 2410.19274, "linking-aligned cache") over {@link S3FifoCache}: bundles that are
 * read alone are admitted as usual, those that come as a piece of a contiguous run with lower probability, since a run that is
 * half in memory is no longer one read, and a run is cheap to read again.
 *
 * <p>What the paper leaves open is filled in here: a run is the missed neighbours on disk around a bundle, without gaps; one of
 * n bundles takes others' slots with probability 1/n, all of it or nothing, so that each read admits about one bundle; free
 * slots are given to all. Draws depend on the seed, on how many layers have been split, and on where the run begins.
 */
final class RippleCache extends S3FifoCache {
  private final long seed;
  private final long[] missed; // of the layer at hand
  private int firstWord;
  private long splits;
  private int first; // the run that was asked about last, and its verdict
  private int end; // none when it is 0
  private boolean replaces;

  RippleCache(Shape shape, int slots, long seed) {
    super(shape, slots);
    this.seed = seed;
    missed = new long[wordsPerLayer];
  }

  @Override
  void looked(int firstWord, long[] hitBundles, long[] missBundles) {
    super.looked(firstWord, hitBundles, missBundles);
    this.firstWord = firstWord;
    System.arraycopy(missBundles, 0, missed, 0, missed.length);
    splits++;
    end = 0;
  }

  @Override
  boolean mayReplace(int position) {
    int bundle = position - (firstWord << 6);
    if (bundle < 0 || bundle >= missed.length << 6) {
      return true; // no part of what was read
    }
    if (bundle < first || bundle >= end) {
      first = bundle;
      while (first > 0 && isMissed(first - 1)) {
        first--;
      }
      end = bundle + 1;
      while (end < missed.length << 6 && isMissed(end)) {
        end++;
      }
      replaces = Long.remainderUnsigned(draw(first), end - first) == 0;
    }
    return replaces;
  }

  @Override
  void cleared() {
    super.cleared();
    splits = 0;
    end = 0;
  }

  private boolean isMissed(int bundle) {
    return (missed[bundle >>> 6] >>> bundle & 1) != 0;
  }

  /** Bits that look random: the finaliser of SplitMix64 over all that the draw depends on. */
  private long draw(int first) {
    long z = seed + 0x9e3779b97f4a7c15L * (splits << 32 | firstWord + first);
    z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return z ^ z >>> 31;
  }
}
