"""What is taken out of a call when it is over: a summary, what was asked for, scores, its cost."""
