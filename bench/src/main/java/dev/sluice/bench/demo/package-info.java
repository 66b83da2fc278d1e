/** The demonstration: everything that Sluice does, once through, on the two twins that come with it. */
package dev.sluice.bench.demo;
