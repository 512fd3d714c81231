"""What made a result: the settings as one string.

Its other half, the code as one hash, is `fingerprint`.
"""

import json
from typing import Any


def canonical_json(value: Any) -> str:
    """One sorted, compact JSON string: Snakemake compares params as an unordered set of values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
