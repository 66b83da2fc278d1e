/**
 * Files that a user named, met with distrust: opened, bounded before they are read, and quoted fit for a message of one
 * line.
 */
package dev.sluice.bundler.input;
