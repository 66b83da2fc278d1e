package dev.sluice.bundler.importer;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** What other threads were given to do, as if the caller had done it. */
final class FutureResult {
  private FutureResult() {}

  /** Waits for the result or throws what was thrown; an interrupt waits too, and is set again. */
  static <T> T of(Future<T> future) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get();
        } catch (InterruptedException e) {
          interrupted = true; // the work ends by itself, and what it holds must not be lost
        } catch (ExecutionException e) {
          throw unchecked(e.getCause());
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Throws what was thrown, if the work has failed by now. */
  static void requireNotFailed(Future<?> future) {
    if (future.state() == Future.State.FAILED) {
      throw unchecked(future.exceptionNow());
    }
  }

  private static RuntimeException unchecked(Throwable cause) {
    switch (cause) {
      case RuntimeException failure -> throw failure;
      case Error error -> throw error;
      default -> throw new IllegalStateException(cause);
    }
  }
}
