"""The proof: inputs to feed, bytes to compare, accuracy to measure on the emulated core."""
