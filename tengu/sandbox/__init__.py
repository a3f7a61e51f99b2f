"""Everything Tengu talks to, on this machine: GitHub, Slack and AWS as stand-ins on loopback."""
