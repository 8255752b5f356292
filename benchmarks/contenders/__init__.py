"""Who is measured: each a script of its own, started in a process of its own, that prints what it took as JSON."""
