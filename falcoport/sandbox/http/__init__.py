"""Requests in, answers out: the ASGI application, and Port's API in `resources/`."""
