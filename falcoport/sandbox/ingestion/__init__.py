"""Webhook events: accepted, kept, mapped and stored."""
