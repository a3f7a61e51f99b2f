"""Slack, over slack_sdk; nothing of slack_sdk leaves this package."""
