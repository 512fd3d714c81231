"""Provenance of results: code hashes, locks, ledger, seals, publish and restore. No code fingerprint covers it."""
