"""What becomes of a call in Postgres, and what the next agent of the call finds there."""
