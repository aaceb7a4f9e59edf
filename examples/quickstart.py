"""agentguard in a few lines, and without a network: `python examples/quickstart.py`."""

import asyncio
import json

from agentguard import InvalidInputError, RetryConfig, async_record_session, guard

STOCK = {"tea": 12, "coffee": 3}
attempts: list[str] = []


@guard(effect="read", validate_input=True, timeout=2)
def in_stock(product: str, pieces: int) -> bool:
    """A blocking tool. What a model sends is cast to the type hints, or refused before anything runs."""
    return STOCK.get(product, 0) >= pieces


@guard(effect="write", retry=RetryConfig(max_retries=3, initial_delay=0.05), timeout=2)
async def order(product: str, pieces: int) -> str:
    """An async tool. A failure that may pass is tried again, after a pause that grows."""
    attempts.append(product)
    if len(attempts) == 1:
        raise ConnectionError("the warehouse is restarting")
    return "order 4711"


async def main() -> None:
    """Call both as an agent would, and look at what was recorded in ./traces."""
    async with async_record_session(storage="./traces") as recorder:
        print(await in_stock.acall(**json.loads('{"product": "tea", "pieces": "5"}')))  # "5" becomes 5
        print(await order("tea", 5))
        try:
            await in_stock.acall(**json.loads('{"product": "tea", "pieces": "many"}'))
        except InvalidInputError as refusal:
            print(refusal)
    for entry in recorder.entries():
        print(entry.tool_name, entry.call.arguments, entry.result.status, f"attempts: {entry.result.attempts}")


asyncio.run(main())
