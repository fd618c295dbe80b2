"""OTLP in, recognised and priced calls out."""
