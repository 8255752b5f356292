"""Runs that train a policy: the same engine, other effects. torch is loaded by the jobs' child processes alone."""
