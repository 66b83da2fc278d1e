package dev.sluice.storage.store;

/** What a writer does when the target already exists. */
public enum Existing {
  /** Leave it alone and fail. */
  REFUSE,
  /** Exchange it atomically for the new store; whoever has the old one open keeps it. */
  REPLACE
}
