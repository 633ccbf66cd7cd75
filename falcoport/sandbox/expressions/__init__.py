"""JQ expressions that others wrote, evaluated within limits, and the templates that hold them."""
