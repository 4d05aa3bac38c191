"""Recogniser and voice that need no network and no key."""
