/**
 * What the whole project says when something is wrong: {@link dev.sluice.storage.BadInputException} for what a
 * user can put right, {@link dev.sluice.storage.FaultException} for a device or system that failed. They live at
 * the root because every module throws them and only the command line catches them.
 */
package dev.sluice.storage;
