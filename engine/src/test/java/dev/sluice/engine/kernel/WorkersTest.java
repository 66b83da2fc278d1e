package dev.sluice.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class WorkersTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void everyTaskRunsOnceInEveryJob(int threads) {
    try (Workers workers = new Workers(threads)) {
      assertEquals(threads, workers.threads());
      AtomicIntegerArray counts = new AtomicIntegerArray(100);
      int[] expected = new int[100];
      for (int job = 0; job < 5_000; job++) {
        int tasks = job % 101;
        workers.parallelFor(tasks, counts::incrementAndGet);
        for (int i = 0; i < tasks; i++) {
          expected[i]++;
        }
      }
      int[] actual = new int[100];
      Arrays.setAll(actual, counts::get);
      assertArrayEquals(expected, actual);
    }
  }

  @Test
  void plainWritesAreVisibleToTheCaller() {
    try (Workers workers = new Workers(3)) {
      int[] cells = new int[64];
      for (int job = 1; job <= 5_000; job++) {
        int value = job;
        workers.parallelFor(cells.length, i -> cells[i] = value);
        for (int cell : cells) {
          assertEquals(value, cell);
        }
      }
    }
  }

  @Test
  void tasksOfOneJobRunAtOnceOnAllThreads() {
    try (Workers workers = new Workers(3)) {
      CountDownLatch all = new CountDownLatch(3);
      Set<Thread> threads = ConcurrentHashMap.newKeySet();
      workers.parallelFor(
          3,
          i -> {
            threads.add(Thread.currentThread());
            all.countDown();
            await(all);
          });
      assertEquals(3, threads.size());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void theLowestFailedTaskDecidesWhatIsThrownAndTheOthersStillRun(int threads) {
    try (Workers workers = new Workers(threads)) {
      RuntimeException third = new RuntimeException("3");
      AtomicInteger ran = new AtomicInteger();
      RuntimeException thrown =
          assertThrows(
              RuntimeException.class,
              () -> workers.parallelFor(
                  50,
                  i -> {
                    ran.incrementAndGet();
                    if (i >= 3) {
                      throw i == 3 ? third : new IllegalStateException("task " + i);
                    }
                  }));
      assertSame(third, thrown);
      assertEquals(50, ran.get());
      workers.parallelFor(2, i -> ran.incrementAndGet()); // an earlier failure leaves no trace
      assertEquals(52, ran.get());
    }
  }

  @Test
  void aJobWithinATaskAndAJobFromAnotherThreadBothFinish() throws InterruptedException {
    try (Workers workers = new Workers(2)) {
      AtomicInteger ran = new AtomicInteger();
      Thread other =
          Thread.ofPlatform()
              .start(
                  () -> {
                    for (int job = 0; job < 500; job++) {
                      workers.parallelFor(4, i -> ran.incrementAndGet());
                    }
                  });
      for (int job = 0; job < 500; job++) {
        workers.parallelFor(4, i -> workers.parallelFor(3, j -> ran.incrementAndGet()));
      }
      other.join();
      assertEquals(500 * 4 + 500 * 12, ran.get());
    }
  }

  @Test
  void closedWorkersRefuseAndEndTheirThreads() {
    Set<Thread> threads = ConcurrentHashMap.newKeySet();
    Workers workers = new Workers(2);
    CountDownLatch both = new CountDownLatch(2);
    workers.parallelFor(
        2,
        i -> {
          threads.add(Thread.currentThread());
          both.countDown();
          await(both);
        });
    workers.close();
    threads.remove(Thread.currentThread());
    threads.forEach(thread -> assertEquals(Thread.State.TERMINATED, thread.getState()));
    assertThrows(IllegalStateException.class, () -> workers.parallelFor(2, i -> {}));
    assertThrows(IllegalArgumentException.class, () -> new Workers(0));
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
