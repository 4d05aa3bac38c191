"""All queries. Repositories never commit: the transaction belongs to whoever opened it."""
