"""The platform's own figures, each beside those of a stock `livekit-agents` worker."""
