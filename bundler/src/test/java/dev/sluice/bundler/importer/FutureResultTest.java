package dev.sluice.bundler.importer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class FutureResultTest {
  @Test
  void whatWasThrownIsThrownAsItWas() {
    IllegalStateException failure = new IllegalStateException("no");
    CompletableFuture<String> failed = CompletableFuture.failedFuture(failure);
    assertSame(
        failure,
        assertThrows(
            IllegalStateException.class, () -> FutureResult.requireNotFailed(failed)));
    assertSame(
        failure, assertThrows(IllegalStateException.class, () -> FutureResult.of(failed)));
    StackOverflowError error = new StackOverflowError();
    assertSame(
        error,
        assertThrows(
            StackOverflowError.class,
            () -> FutureResult.of(CompletableFuture.failedFuture(error))));
  }

  @Test
  void whatHasNotFailedIsNoFailure() {
    FutureResult.requireNotFailed(new CompletableFuture<String>());
    FutureResult.requireNotFailed(CompletableFuture.completedFuture("yes"));
    assertEquals("yes", FutureResult.of(CompletableFuture.completedFuture("yes")));
  }

  @Test
  void anInterruptDoesNotEndTheWait() {
    CompletableFuture<String> later = new CompletableFuture<>();
    Thread.currentThread().interrupt();
    Thread.ofVirtual().start(() -> later.complete("yes"));
    assertEquals("yes", FutureResult.of(later));
    assertTrue(Thread.interrupted());
  }
}
