"""User code with guarded methods, as type checkers see it. It is checked, never run."""

from typing import assert_type

from agentguard import guard


class Shop:
    @guard(max_retries=1)
    def price(self, item: str, count: int = 1) -> float:
        return len(item) * count

    @guard
    async def stock(self, item: str) -> int:
        return len(item)

    @guard
    @staticmethod
    def currency(country: str) -> str:
        return country

    async def use(self) -> None:
        assert_type(self.price("tea"), float)
        assert_type(await self.stock("tea"), int)


async def through_an_instance(shop: Shop) -> None:
    assert_type(shop.price("tea", count=2), float)
    assert_type(await shop.price.acall("tea"), float)
    assert_type(await shop.stock("tea"), int)
    assert_type(await shop.stock.acall("tea"), int)
    assert_type(shop.currency("uk"), str)
