/*
 * Cycles that a few AVX2 instructions take, eight independent ones in a row, from registers and from memory: what decides which
 * steps kernels should take on a processor without AVX-512. Cycles are counted by a chain of dependent products, three each.
 *   gcc -O2 -march=native bench/instruction-costs.c -o /tmp/instruction-costs && /tmp/instruction-costs
 */
#include <stdio.h>
#include <time.h>

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static double nanos_of_a_cycle(void) {
  double least = 1;
  for (int round = 0; round < 5; round++) {
    unsigned long a = 1;
    double start = seconds();
    for (long i = 0; i < 20000000; i++) {
      __asm__ volatile("imul %0,%0\nimul %0,%0\n" : "+r"(a));
    }
    double took = seconds() - start;
    least = took < least ? took : least;
  }
  return least / 120000000 * 1e9;
}

static char memory[4096] __attribute__((aligned(64)));

#define EIGHT(OP) OP "0\n" OP "1\n" OP "2\n" OP "3\n" OP "4\n" OP "5\n" OP "6\n" OP "7\n"

/* OP ends with the name of the target's registers. */
#define COST(NAME, OP)                                                                                 \
  {                                                                                                    \
    double least = 1e9;                                                                                \
    for (int round = 0; round < 5; round++) {                                                          \
      double cycle = nanos_of_a_cycle(), start = seconds();                                            \
      for (long i = 0; i < 10000000; i++) {                                                            \
        __asm__ volatile(EIGHT(OP)::"r"(memory) : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7"); \
      }                                                                                                \
      double cycles = (seconds() - start) / 80000000 * 1e9 / cycle;                                    \
      least = cycles < least ? cycles : least;                                                         \
    }                                                                                                  \
    printf("%-44s %.2f cycles\n", NAME, least);                                                        \
  }

int main(void) {
  __asm__ volatile("vpxor %%xmm8,%%xmm8,%%xmm8\nvpxor %%xmm9,%%xmm9,%%xmm9\n" ::: "xmm8", "xmm9");
  printf("clock %.2f GHz\n", 1 / nanos_of_a_cycle());
  COST("8 bytes to 8 ints, register", "vpmovsxbd %%xmm8,%%ymm")
  COST("8 bytes to 8 ints, memory", "vpmovsxbd (%0),%%ymm")
  COST("16 bytes to 16 shorts, register", "vpmovsxbw %%xmm8,%%ymm")
  COST("16 bytes to 16 shorts, memory", "vpmovsxbw (%0),%%ymm")
  COST("8 halves to 8 floats, register", "vcvtph2ps %%xmm8,%%ymm")
  COST("8 halves to 8 floats, memory", "vcvtph2ps (%0),%%ymm")
  COST("a float to 8, register", "vbroadcastss %%xmm8,%%ymm")
  COST("a float to 8, memory", "vbroadcastss (%0),%%ymm")
  COST("a general register to a vector", "vmovd %%eax,%%xmm")
  COST("8 ints to floats", "vcvtdq2ps %%ymm8,%%ymm")
  COST("8 ints shifted", "vpslld $3,%%ymm8,%%ymm")
  COST("16 shorts multiplied", "vpmullw %%ymm9,%%ymm8,%%ymm")
  COST("8 ints multiplied", "vpmulld %%ymm9,%%ymm8,%%ymm")
  COST("16 shorts added", "vpaddw %%ymm9,%%ymm8,%%ymm")
  COST("8 ints added", "vpaddd %%ymm9,%%ymm8,%%ymm")
  COST("exclusive or", "vpxor %%ymm9,%%ymm8,%%ymm")
  COST("8 floats multiplied", "vmulps %%ymm9,%%ymm8,%%ymm")
  return 0;
}
