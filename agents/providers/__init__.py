"""What an agent hears, thinks and speaks with.

This package and every ``options`` module in it import neither LiveKit nor an audio library: the API and the
workflows read configs through them. The providers themselves are made by :mod:`agents.providers.registry`,
in job processes.
"""
