"""Other systems on the same rows and the same machine, each in an environment of its own."""
