"""What runs are made of: programs, datasets, endpoints."""
