"""Makes the reader's model file from the corpus: `make train`."""
