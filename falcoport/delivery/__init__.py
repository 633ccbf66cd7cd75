"""Alerts on their way to a webhook URL."""
