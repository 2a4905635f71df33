"""Outgoing webhooks: signed, retried on each provider's schedule, logged."""
