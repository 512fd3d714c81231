"""Who made what: hashes of code, locks, the ledger of jobs, seals, publish and restore; part of no fingerprint."""
