"""How a search of hyper-parameters is shown."""
