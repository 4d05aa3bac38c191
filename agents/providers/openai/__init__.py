"""Models behind the OpenAI HTTP API, whoever serves it."""
