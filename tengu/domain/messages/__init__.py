"""Every sentence that people read in Slack: pure functions from facts to messages.

Text from people (titles, reasons, names) is escaped here, by `tengu.domain.text.mrkdwn`, and nowhere else.
"""
