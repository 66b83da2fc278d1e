/**
 * The command line: parses, calls the other modules and prints. Nothing here computes, so that everything which Sluice
 * can do is also there for a program.
 */
package dev.sluice.cli;
