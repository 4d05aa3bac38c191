"""What the API does. Services own the transactions; they know nothing of HTTP."""
