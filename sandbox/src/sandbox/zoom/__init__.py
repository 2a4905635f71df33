"""Zoom: OAuth, cloud recordings, downloads from a second host, webhooks."""
