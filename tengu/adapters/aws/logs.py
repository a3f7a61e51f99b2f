"""The last lines that a container wrote to CloudWatch Logs, as a help for people: best effort."""

from __future__ import annotations

import logging
from typing import Any

from tengu.adapters.aws.errors import aws_errors
from tengu.domain.task_definition import TaskDefinition
from tengu.errors import ServiceError

log = logging.getLogger(__name__)


def log_tail(client: Any, definition: TaskDefinition, container: str, task_arn: str, lines: int) -> tuple[str, ...]:
    """The last lines, oldest first; empty where the container does not use awslogs or nothing can be read.

    The stream's name is `prefix/container/task id`
    (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html).
    """
    entries = definition.fields["containerDefinitions"]
    configuration = next((entry.get("logConfiguration") for entry in entries if entry["name"] == container), None)
    if not configuration or configuration.get("logDriver") != "awslogs":
        return ()
    options = configuration.get("options", {})
    if "awslogs-group" not in options or "awslogs-stream-prefix" not in options:
        return ()
    stream = f"{options['awslogs-stream-prefix']}/{container}/{task_arn.rpartition('/')[2]}"
    try:
        with aws_errors("AWS CloudWatch Logs", "GetLogEvents"):
            answer = client.get_log_events(
                logGroupName=options["awslogs-group"], logStreamName=stream, limit=lines, startFromHead=False
            )
    except ServiceError as error:
        log.info("no log lines of %s: %s", stream, error)
        return ()
    return tuple(event["message"].rstrip("\n") for event in answer.get("events", ()))
