"""REST, for scripts: /api/v1, one router a subject. Everything that a page can do, it can."""
