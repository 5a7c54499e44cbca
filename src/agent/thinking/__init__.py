"""What a language model may do in a turn, and how everything it says is checked before it counts."""
