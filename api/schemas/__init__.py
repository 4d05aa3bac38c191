"""What comes in and goes out, camelCase in JSON."""
