"""AWS on this machine: ministack behind a proxy that can be made to fail."""
