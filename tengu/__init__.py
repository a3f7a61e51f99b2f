"""Tengu, a ChatOps deploy bot for teams that run on AWS ECS."""

__version__ = "0.1.0"
