"""`python -m hemabalance.config` prints the JSON schema of the config."""

import json

from hemabalance.config.run import Config

print(json.dumps(Config.model_json_schema(), indent=2))
