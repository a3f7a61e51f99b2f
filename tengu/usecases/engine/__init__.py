"""The job engine: claims a deployment, runs its steps under a lease, and gives it an outcome."""
