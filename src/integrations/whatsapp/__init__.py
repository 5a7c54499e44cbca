"""Meta's Cloud API. What its JSON and its codes look like is known here only."""
