package dev.sluice.bundler.importer;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** What other threads were given to do, as if the caller had done it. */
final class FutureResult {
  private FutureResult() {}

  /** Waits for the result or throws what was thrown; goes on waiting when interrupted, and sets the interrupt again. */
  static <T> T of(Future<T> future) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get();
        } catch (InterruptedException e) {
          interrupted = true; // the work ends by itself, and its memory must not go before
        } catch (ExecutionException e) {
          throw rethrown(e.getCause());
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
      throw rethrown(future.exceptionNow());
    }
  }

  private static RuntimeException rethrown(Throwable cause) {
    return switch (cause) {
      case RuntimeException failure -> failure;
      case Error error -> throw error;
      default -> new IllegalStateException(cause);
    };
  }
}
