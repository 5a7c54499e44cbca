"""The store: one ledger in Redis or Valkey. Its keys, scripts and commands are known here only."""
