package dev.sluice.engine.kernel;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;

/**
 * A fixed team of platform daemon threads for work split by index. Which thread runs a task is left
 * to chance, so each task must write to its own part of the result; then nothing depends on the
 * number of threads or on timing.
 *
 * <p>Thread-safe: one job runs on the team at a time, and a call that comes meanwhile, from another
 * thread or from within a task, runs its tasks itself. {@link #parallelFor} does not allocate.
 */
public final class Workers implements AutoCloseable {
  /**
   * About 80 µs of looking for work before sleeping: the usual pause between two jobs of one token.
   */
  private static final int SPINS = 4_000;

  /**
   * Job number in the upper half, tasks not yet taken in the lower, so that a late thread cannot
   * take from the next job.
   */
  private final AtomicLong cursor = new AtomicLong();

  private final AtomicInteger unfinished = new AtomicInteger();
  private final AtomicBoolean busy = new AtomicBoolean();
  private final Thread[] team;
  private final AtomicBoolean[] asleep;
  private volatile boolean closed;

  // Written before cursor publishes a job and not again until all its tasks are finished.
  private IntConsumer body;
  private int tasks;
  private Thread caller;

  private Throwable failure;
  private int failedTask;

  private final AtomicReference<Runnable> side = new AtomicReference<>();
  private final AtomicBoolean sideRuns = new AtomicBoolean(); // from beside() until it has ended
  private volatile Throwable sideFailure;
  private volatile Thread sideWaiter;

  /**
   * @param threads how many work at once, the caller of {@link #parallelFor} included; at least 1
   */
  public Workers(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + threads);
    }
    team = new Thread[threads - 1];
    asleep = new AtomicBoolean[threads - 1];
    for (int i = 0; i < team.length; i++) {
      int index = i;
      asleep[i] = new AtomicBoolean();
      team[i] = Thread.ofPlatform().daemon().name("sluice-worker-" + (i + 1))
          .unstarted(() -> serve(index));
    }
    for (Thread thread : team) {
      thread.start();
    }
  }

  /** How many threads work at once, the caller included. */
  public int threads() {
    return team.length + 1;
  }

  /**
   * Runs {@code body} once for each index from 0 to {@code tasks} − 1 and returns when all are
   * finished; their writes are visible to the caller. If tasks throw, the others still run, and
   * what the lowest of the failed ones threw is thrown here.
   *
   * @throws IllegalStateException if closed
   */
  public void parallelFor(int tasks, IntConsumer body) {
    if (closed) {
      throw new IllegalStateException("workers are closed");
    }
    if (tasks <= 1 || team.length == 0 || isOfTeam(Thread.currentThread())
        || !busy.compareAndSet(false, true)) {
      runHere(tasks, body);
      return;
    }
    Throwable thrown;
    try {
      this.body = body;
      this.tasks = tasks;
      caller = Thread.currentThread();
      failure = null;
      unfinished.set(tasks);
      long job = (cursor.get() >>> 32) + 1;
      cursor.set(job << 32 | tasks);
      wake(Math.min(tasks - 1, team.length));
      takeTasks();
      awaitOthers();
      thrown = failure;
      failure = null;
      this.body = null;
      caller = null;
    } finally {
      busy.set(false);
    }
    if (thrown != null) {
      Workers.<RuntimeException>rethrow(thrown);
    }
  }

  /**
   * Begins to run a job on a thread of the team, one at a time, while the caller goes on, with {@link #parallelFor} too: the
   * team's other threads and the caller share its tasks until the job is done. Without a team it runs here and now. To be
   * followed by {@link #awaitBeside}. Does not allocate.
   *
   * @throws IllegalStateException if another such job has not been awaited, or if closed
   */
  public void beside(Runnable job) {
    if (closed) {
      throw new IllegalStateException("workers are closed");
    }
    if (!sideRuns.compareAndSet(false, true)) {
      throw new IllegalStateException("the job before has not been awaited");
    }
    sideFailure = null;
    side.set(job);
    if (team.length == 0) {
      runSide();
    } else {
      wake(1);
    }
  }

  /** Returns when the job of {@link #beside} has ended, and throws what it threw; at once if there is none. */
  public void awaitBeside() {
    runSide();
    sideWaiter = Thread.currentThread();
    for (int spins = 0; sideRuns.get(); spins++) {
      if (spins < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.park(this);
      }
    }
    sideWaiter = null;
    Throwable thrown = sideFailure;
    sideFailure = null;
    if (thrown != null) {
      Workers.<RuntimeException>rethrow(thrown);
    }
  }

  /** Runs the job beside, if nobody has begun it. */
  private void runSide() {
    Runnable job = side.getAndSet(null);
    if (job == null) {
      return;
    }
    try {
      job.run();
    } catch (Throwable e) {
      sideFailure = e;
    }
    sideRuns.set(false);
    Thread waiter = sideWaiter;
    if (waiter != null) {
      LockSupport.unpark(waiter);
    }
  }

  /** A task or a job of the team's own that calls again runs what it brings itself. */
  private boolean isOfTeam(Thread thread) {
    for (Thread member : team) {
      if (member.equals(thread)) {
        return true;
      }
    }
    return false;
  }

  private static void runHere(int tasks, IntConsumer body) {
    Throwable first = null;
    for (int i = 0; i < tasks; i++) {
      try {
        body.accept(i);
      } catch (Throwable e) {
        first = first == null ? e : first;
      }
    }
    if (first != null) {
      Workers.<RuntimeException>rethrow(first);
    }
  }

  private void wake(int count) {
    for (int i = 0; i < count; i++) {
      if (asleep[i].get()) {
        LockSupport.unpark(team[i]);
      }
    }
  }

  private void takeTasks() {
    for (long c = cursor.get(); (int) c != 0; c = cursor.get()) {
      IntConsumer job = body;
      Thread owner = caller;
      int task = tasks - (int) c;
      if (cursor.compareAndSet(c, c - 1)) { // so body, caller and tasks were this job's
        try {
          job.accept(task);
        } catch (Throwable e) {
          record(task, e);
        }
        if (unfinished.decrementAndGet() == 0 && !owner.equals(Thread.currentThread())) {
          LockSupport.unpark(owner);
        }
      }
    }
  }

  private synchronized void record(int task, Throwable thrown) {
    if (failure == null || task < failedTask) {
      failure = thrown;
      failedTask = task;
    }
  }

  private void awaitOthers() {
    for (int spins = 0; unfinished.get() != 0; spins++) {
      if (spins < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.park(this);
      }
    }
  }

  private void serve(int index) {
    int spins = 0;
    while (!closed) {
      if (side.get() != null) {
        runSide();
        spins = 0;
      } else if ((int) cursor.get() != 0) {
        takeTasks();
        spins = 0;
      } else if (spins++ < SPINS) {
        Thread.onSpinWait();
      } else {
        asleep[index].set(true);
        // Looks again, because whoever posts a job looks at asleep only after posting.
        if ((int) cursor.get() == 0 && side.get() == null && !closed) {
          LockSupport.park(this);
        }
        asleep[index].set(false);
        spins = 0;
      }
    }
  }

  @SuppressWarnings("unchecked")
  private static <E extends Throwable> void rethrow(Throwable thrown) throws E {
    throw (E) thrown;
  }

  /**
   * Ends the threads after the tasks that they are in. A job that still runs is finished by its
   * caller.
   */
  @Override
  public void close() {
    closed = true;
    for (Thread thread : team) {
      LockSupport.unpark(thread);
    }
    boolean interrupted = false;
    for (Thread thread : team) {
      while (!thread.equals(Thread.currentThread()) && thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
