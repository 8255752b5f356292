"""The parts of benchmarks/desk.py: a stage (database, rows, server), a connection, and annotators at work."""
