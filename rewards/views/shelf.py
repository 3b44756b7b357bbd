"""The catalogue: what credits buy, what one can afford now, and one reward from near."""

from flask.typing import ResponseReturnValue

from carbonaccount.errors import NotFound
from rewards.views import blueprint as blueprint


@blueprint.get("/rewards")
def shelf() -> ResponseReturnValue:
    """Show what residents may take now."""
    return {"rewards": []}


@blueprint.get("/rewards/<public_id>")
def reward(public_id: str) -> ResponseReturnValue:
    """Show one reward."""
    raise NotFound("unknown_reward", reward=public_id[:32])
