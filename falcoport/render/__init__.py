"""The only writer: what people and scripts see."""
