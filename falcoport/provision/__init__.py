"""Desired against live: reading manifests, planning changes, applying them."""
