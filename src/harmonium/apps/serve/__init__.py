"""``harmonium serve``: fitted models that answer over HTTP."""
