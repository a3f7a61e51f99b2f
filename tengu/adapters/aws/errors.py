"""botocore's errors as ServiceError: what AWS refused, why, and what a person does about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # botocore's own, the base of all its connection errors
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from tengu.errors import ServiceError

_THROTTLED = re.compile(r"Throttl|TooManyRequests|RequestLimitExceeded|SlowDown")
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_BAD_KEYS = {"UnrecognizedClientException", "InvalidClientTokenId", "SignatureDoesNotMatch", "IncompleteSignature"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"}
# ECS answers so when RegisterTaskDefinition of one family is called too quickly
# (https://github.com/aws-actions/amazon-ecs-deploy-task-definition/issues/502): a ClientException that passes.
_CONCURRENT = "Too many concurrent attempts"


@contextmanager
def aws_errors(service: str, action: str) -> Iterator[None]:
    """Turn botocore's errors into ServiceError.

    Args:
        service: as people know it (`AWS ECS`).
        action: the API action (`UpdateService`).
    """
    try:
        yield
    except ClientError as error:
        raise _client_error(service, action, error) from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        advice = "Give Tengu AWS credentials: a task role, an instance profile, AWS_PROFILE or AWS_ACCESS_KEY_ID."
        raise ServiceError(service, action, _one_line(str(error)), advice=advice) from error
    except NoRegionError as error:
        advice = "Set `region:` of the environment in tengu.yml, or AWS_REGION."
        raise ServiceError(service, action, "no AWS region is set.", advice=advice) from error
    except (ConnectionError, HTTPClientError) as error:
        raise ServiceError(service, action, _one_line(str(error)), transient=True) from error
    except BotoCoreError as error:
        raise ServiceError(service, action, _one_line(str(error))) from error


def is_throttled(error: ServiceError) -> bool:
    """True if AWS refused because it was asked too often: the call certainly did nothing."""
    return bool(_THROTTLED.search(error.detail)) or _CONCURRENT in error.detail


def _client_error(service: str, action: str, error: ClientError) -> ServiceError:
    answer = error.response.get("Error", {})
    code, message = answer.get("Code", ""), _one_line(answer.get("Message", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    failed_action = error.operation_name or action  # AssumeRole can fail inside any call
    transient = bool(_THROTTLED.search(code)) or status >= 500 or status == 429 or _CONCURRENT in message
    return ServiceError(
        "AWS STS" if failed_action == "AssumeRole" else service,
        failed_action,
        f"{message or 'no message'} ({code}).",
        advice=_advice(failed_action, code, message),
        transient=transient,
    )


def _advice(action: str, code: str, message: str) -> str:
    if code in _EXPIRED:
        return "The AWS credentials have expired: renew them (`aws sso login`, or restart with fresh ones)."
    if code in _BAD_KEYS:
        return "The AWS credentials are not valid: check AWS_ACCESS_KEY_ID, AWS_PROFILE or the task role."
    if code in _DENIED:
        named = re.search(r"not authorized to perform:? ([a-zA-Z0-9-]+:[A-Za-z]+)", message)
        missing = named[1] if named else f"{'sts' if action == 'AssumeRole' else 'ecs'}:{action}"
        return f"Allow {missing} in the policy of Tengu's role."
    if code == "ClusterNotFoundException":
        return "Check `cluster:` and `region:` in tengu.yml."
    if code in ("ServiceNotFoundException", "ServiceNotActiveException"):
        return "Check `service:` in tengu.yml; Tengu does not create services."
    return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]
