/**
 * Sluice and llama.cpp side by side: the same weights, the same given tokens, the same processors, the same limit on memory,
 * with the page cache dropped before each run and the rivals taking turns. Every engine is a child process in a cgroup of its
 * own. Its JSON says how long each token took; all else (CPU, device reads, faults, memory) is read from outside it, by one
 * instrument for all of them: {@code /proc/PID} and the cgroup's own counters.
 */
package dev.sluice.bench.peers;
