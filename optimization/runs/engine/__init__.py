"""The durable driver: what the rows say, and what is missing."""
