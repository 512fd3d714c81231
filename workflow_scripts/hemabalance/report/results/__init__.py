"""The page of results in Markdown: tables of a finished run of all experiments, and the thesis's claims checked."""
