"""What cdk-nag finds and we mean: every finding with its reason. Whatever is not listed here is an error."""

from collections.abc import Iterator

from aws_cdk import Acknowledgment, Stack, Validations

from dealbrain import facts
from infra.plan import Plan

EVERYWHERE = "*"
# For a stack (or all), the finding and why it is as it should be.
REASONS: dict[str, dict[str, str]] = {
    EVERYWHERE: {
        "L1": "Python 3.13 is what the tests run on, and supported until 2029.",
        "APIG4": "Every function verifies the caller itself, because a gateway's authorizer knows no "
        "'optional'; the matrix of routes and callers is tested.",
        "IAM5[Resource::*]": "Network interfaces of a function in the VPC: AWS knows no narrower resource. "
        "A test of the templates admits no other statement on everything.",
    },
    "data": {
        "VPC7": "Nothing leads out of the network but two endpoints with policies of their own.",
        "RDS3": "One small instance is the choice of a small site; backups reach back a week.",
        "RDS11": "Another port would hide nothing inside a network nobody else is in.",
        "DDB3": "What is in there expires within a day; there is nothing to go back to.",
        "COG2": "Whoever wants a second factor can have one; nobody is kept out for want of it.",
        "COG8": "Paying for risk scores of every sign-in is out of proportion to what an account holds.",
        "S1": "Only our functions reach the bucket, and they log every request they answer.",
    },
    "cards": {
        "S1": "Only our functions reach the bucket, and they log every request they answer.",
        "SQS3": "This is the queue for dead letters; an alarm watches it.",
    },
    "chores": {
        "SQS3": "This is the queue for dead letters; an alarm watches it.",
    },
    "edge": {
        "CFR1": "Nobody is kept out by where they are.",
        "CFR2": "The stage's throttle and reserved concurrency bound what an attack can cost.",
        "CFR3": "Access logs would hold addresses and share tokens; the API's own log holds neither.",
        "S1": "Only the CDN reaches the bucket, with files anybody may have.",
        "CFR4": "Without a host of our own the certificate is CloudFront's, which sets the protocol.",
    },
}


def acknowledge(stack: Stack, plan: Plan) -> None:
    """Acknowledge what is meant in a stack."""
    part = stack.stack_name.removeprefix(f"{plan.name}-")
    reasons = REASONS[EVERYWHERE] | REASONS.get(part, {}) | dict(_prefixes(plan))
    Validations.of(stack).acknowledge(
        *(Acknowledgment(id=f"AwsSolutions-{finding}", reason=why) for finding, why in reasons.items())
    )


def _prefixes(plan: Plan) -> Iterator[tuple[str, str]]:
    for kept, bucket in facts.KEPT_IN.items():
        place = f"arn:<AWS::Partition>:s3:::{plan.name}-{bucket}-<AWS::AccountId>-<AWS::Region>"
        yield (
            f"IAM5[Resource::{place}/{kept}*]",
            "One prefix of one bucket, as the function's NEEDS say.",
        )
