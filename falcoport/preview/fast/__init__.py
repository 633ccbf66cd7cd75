"""An optional speed path of `preview`; the product is right without it."""
